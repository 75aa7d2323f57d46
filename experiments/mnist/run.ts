import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import type { StepReport } from 'tfjs-alig';

import { describeEnvironment } from '../run/environment.js';
import { RunLog } from '../run/log.js';
import { chartFileName, logFileName } from '../run/output.js';
import { createProgressDisplay } from '../run/progress.js';
import { drawChart } from './chart.js';
import { loadMnist } from './data.js';
import { describeOptimizer, optimizerChoices } from './optimizers.js';
import { type LogRecord, stepRecord, type StepRecord } from './records.js';
import type { MnistSettings } from './settings.js';
import { type EpochEvent, trainOnMnist } from './train.js';

/** The optimiser's settings and the training's, a line each. */
function describeSettings(settings: MnistSettings): [string, string] {
  const training = [
    `${settings.examples.toLocaleString('en')} examples`,
    `batch size ${settings.batchSize}`,
    ...(settings.objectiveExamples === null
      ? []
      : [`objective over ${settings.objectiveExamples.toLocaleString('en')} examples`]),
    `seed ${settings.seed}`,
  ];
  return [describeOptimizer(settings.optimizer), `Training: ${training.join(', ')}`];
}

function printEpoch(event: EpochEvent, epochs: number): void {
  console.log(
    `Epoch ${event.epoch}/${epochs} took ${event.seconds.toFixed(1)} s ` +
      `(${Math.round(event.examplesPerSecond).toLocaleString('en')} examples/s): ` +
      `training loss ${event.trainingLoss.toFixed(4)}, test loss ${event.testLoss.toFixed(4)}, ` +
      `test accuracy ${(100 * event.testAccuracy).toFixed(2)} %`,
  );
}

/**
 * Trains on MNIST, shows the progress and writes the log and the chart into the folder. When the
 * signal is aborted, training ends after the current step and the chart shows what is there.
 */
export async function runMnist(
  settings: MnistSettings,
  outputFolder: string,
  signal: AbortSignal,
): Promise<void> {
  const mnist = loadMnist();
  const stepsPerEpoch = Math.ceil(settings.examples / settings.batchSize);
  const description = describeSettings(settings);
  console.log(
    `MNIST, ${settings.epochs} epochs of ${stepsPerEpoch} steps\n${description.join('\n')}\n`,
  );
  mkdirSync(outputFolder, { recursive: true });
  const logPath = join(outputFolder, logFileName);
  const chartPath = join(outputFolder, chartFileName);
  const environment = await describeEnvironment({ withTensorFlow: true });
  const log = new RunLog<LogRecord>(logPath);
  const display = createProgressDisplay();
  const steps: StepRecord[] = [];
  const epochs: EpochEvent[] = [];
  let engine: StepReport['engine'] | undefined;
  try {
    for (const event of trainOnMnist(settings, mnist)) {
      if (event.type === 'step') {
        if (engine === undefined) {
          // Only a step that has been taken tells which engine serves.
          engine = event.report.engine;
          log.write({ type: 'run', configuration: settings, ...environment, engine });
        }
        const record = stepRecord(event);
        log.write(record);
        steps.push(record);
        const examplesPerSecond = event.examplesSeen / event.seconds;
        const secondsLeft = (settings.examples - event.examplesSeen) / examplesPerSecond;
        display.update({
          stage: `Epoch ${event.epoch}/${settings.epochs}`,
          step: event.step - (event.epoch - 1) * stepsPerEpoch,
          steps: stepsPerEpoch,
          figures: [
            `loss ${event.meanLoss.toFixed(4)}`,
            `step size ${record.stepSize.toPrecision(3)}`,
            `${Math.round(examplesPerSecond).toLocaleString('en')} examples/s`,
            `${Math.ceil(secondsLeft)} s left`,
          ],
        });
      } else {
        log.write(event);
        epochs.push(event);
        display.stop();
        printEpoch(event, settings.epochs);
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
  }
  writeFileSync(
    chartPath,
    await drawChart({
      title: `${optimizerChoices[settings.optimizer.name].title} on MNIST`,
      subtitle: [...description, `Engine: ${engine ?? 'none'}`],
      batchSize: settings.batchSize,
      steps,
      epochs,
    }),
  );
  const lastEpoch = epochs.at(-1);
  console.log();
  if (signal.aborted) {
    console.log(`Interrupted after ${steps.length} of ${settings.epochs * stepsPerEpoch} steps.`);
  }
  console.log(
    lastEpoch === undefined
      ? 'Test accuracy: none, the first epoch did not end'
      : `Test accuracy: ${(100 * lastEpoch.testAccuracy).toFixed(2)} % after epoch ${lastEpoch.epoch}`,
  );
  console.log(
    `Engine:        ${engine ?? 'none'}\nLog:           ${logPath}\nChart:         ${chartPath}`,
  );
}
