import { describeDuration } from '../runner/progress.js';
import {
  makeSingleRun,
  type DivergenceRecord,
  type SingleRunOptions,
  type TakenStep,
} from '../training/single-run.js';
import { drawChart } from './chart.js';
import { prepareOptimizer } from './optimizers.js';
import { meanRecord, stepRecord, type MeanRecord } from './records.js';
import { type DncSettings, meanSteps, type OptimizerSettings } from './settings.js';
import { startDnc } from './train.js';

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

function describeEnd(mean: MeanRecord | undefined, divergence: DivergenceRecord | null): string {
  if (divergence !== null) {
    return `none, step ${divergence.step} diverged: ${divergence.reason}`;
  }
  return mean === undefined
    ? `none, fewer than ${meanSteps} steps were taken`
    : `${mean.loss.toExponential(3)}, the mean loss of ${mean.steps} steps up to step ${mean.step}`;
}

/**
 * Trains a differentiable neural computer on repeat copy, shows the progress and writes the log and
 * the chart into the folder.
 */
export async function runDnc(
  settings: DncSettings,
  outputFolder: string,
  options: SingleRunOptions,
): Promise<void> {
  const { optimizer, steps, seed } = settings;
  const progress = ({ step, report, seconds }: TakenStep, means: readonly MeanRecord[]) => {
    const stepsPerSecond = step / seconds;
    return {
      stage: 'Training',
      step,
      steps,
      figures: [
        `loss ${(means.at(-1) ?? report).loss.toExponential(2)}`,
        `${Math.round(stepsPerSecond).toLocaleString('en')} steps/s`,
        `${describeDuration((steps - step) / stepsPerSecond)} left`,
      ],
    };
  };
  await makeSingleRun(
    {
      title: 'Differentiable neural computer, repeat copy',
      chartTitle: `${optimizerTitles[optimizer.name]} on repeat copy`,
      description: [
        describeOptimizer(optimizer),
        `Training: ${steps.toLocaleString('en')} steps, seed ${seed}`,
      ],
      configuration: settings,
      start: () => startDnc(prepareOptimizer(optimizer), settings),
      stepLine: stepRecord,
      epochLine: meanRecord,
      progress,
      drawChart,
      result: (means, divergence) => ['Final objective', describeEnd(means.at(-1), divergence)],
    },
    outputFolder,
    options,
  );
}
