import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { describeEnvironment } from '../run/environment.js';
import { RunLog } from '../run/log.js';
import { chartFileName, logFileName } from '../run/output.js';
import { createProgressDisplay, describeDuration } from '../run/progress.js';
import { drawChart } from './chart.js';
import { prepareOptimizer } from './optimizers.js';
import { type LogRecord, type RunRecord, stepRecord, type StepRecord } from './records.js';
import { type DncSettings, meanSteps, type OptimizerSettings } from './settings.js';
import { type DivergenceEvent, type MeanEvent, trainDnc } from './train.js';

const optimizerTitles: Readonly<Record<OptimizerSettings['name'], string>> = {
  alig: 'ALI-G',
  sgd: 'SGD',
  momentum: 'SGD with momentum',
  adam: 'Adam',
  rmsprop: 'RMSProp',
  adagrad: 'Adagrad',
  l4adam: 'L4Adam',
  l4mom: 'L4Mom',
};

function describeOptimizer(settings: OptimizerSettings): string {
  const title = optimizerTitles[settings.name];
  if ('learningRate' in settings) {
    return `${title}: learning rate ${settings.learningRate}`;
  }
  if ('fraction' in settings) {
    return `${title}: fraction ${settings.fraction}`;
  }
  const { maxLearningRate } = settings;
  return maxLearningRate === null
    ? `${title}: no maximal learning rate`
    : `${title}: maximal learning rate ${maxLearningRate}`;
}

function describeEnd(mean: MeanEvent | null, divergence: DivergenceEvent | null): string {
  if (divergence !== null) {
    return `none, step ${divergence.step} diverged: ${divergence.reason}`;
  }
  return mean === null
    ? `none, fewer than ${meanSteps} steps were taken`
    : `${mean.loss.toExponential(3)}, the mean loss of ${mean.steps} steps up to step ${mean.step}`;
}

/**
 * Trains a differentiable neural computer on repeat copy, shows the progress and writes the log and
 * the chart into the folder. When the signal is aborted, training ends after the current step and
 * the chart shows what is there.
 */
export async function runDnc(
  settings: DncSettings,
  outputFolder: string,
  signal: AbortSignal,
): Promise<void> {
  const description = [
    describeOptimizer(settings.optimizer),
    `Training: ${settings.steps.toLocaleString('en')} steps, seed ${settings.seed}`,
  ];
  console.log(`Differentiable neural computer, repeat copy\n${description.join('\n')}\n`);
  mkdirSync(outputFolder, { recursive: true });
  const logPath = join(outputFolder, logFileName);
  const chartPath = join(outputFolder, chartFileName);
  const environment = await describeEnvironment({ withTensorFlow: true });
  const log = new RunLog<LogRecord>(logPath);
  const display = createProgressDisplay();
  const optimizer = prepareOptimizer(settings.optimizer);
  const steps: StepRecord[] = [];
  let mean: MeanEvent | null = null;
  let divergence: DivergenceEvent | null = null;
  let engine: RunRecord['engine'] | null = null;
  try {
    for (const event of trainDnc(optimizer, settings)) {
      if (engine === null) {
        // Only a step that has been taken tells which engine serves.
        engine = event.type === 'step' ? event.report.engine : 'none';
        log.write({ type: 'run', configuration: settings, ...environment, engine });
      }
      switch (event.type) {
        case 'step': {
          const record = stepRecord(event);
          log.write(record);
          steps.push(record);
          const stepsPerSecond = event.step / event.seconds;
          display.update({
            stage: 'Training',
            step: event.step,
            steps: settings.steps,
            figures: [
              `loss ${(mean ?? event).loss.toExponential(2)}`,
              `${Math.round(stepsPerSecond).toLocaleString('en')} steps/s`,
              `${describeDuration((settings.steps - event.step) / stepsPerSecond)} left`,
            ],
          });
          break;
        }
        case 'mean':
          log.write(event);
          mean = event;
          break;
        case 'diverged':
          log.write(event);
          divergence = event;
          break;
      }
      // Steps are synchronous; without this, Ctrl-C would be seen only at the end.
      await setImmediate();
      if (signal.aborted) {
        break;
      }
    }
  } finally {
    display.stop();
    log.close();
    optimizer.dispose();
  }
  const subtitle = [...description, `Engine: ${engine ?? 'none'}`];
  const title = `${optimizerTitles[settings.optimizer.name]} on repeat copy`;
  writeFileSync(chartPath, await drawChart({ title, subtitle, steps }));
  console.log();
  if (signal.aborted) {
    console.log(`Interrupted after ${steps.length} of ${settings.steps} steps.`);
  }
  console.log(`Final objective: ${describeEnd(mean, divergence)}`);
  console.log(
    `Engine:          ${engine ?? 'none'}\n` +
      `Log:             ${logPath}\n` +
      `Chart:           ${chartPath}`,
  );
}
