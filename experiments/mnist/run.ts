import { optimizers } from 'tfjs-alig';

import { counted } from '../runner/counted.js';
import {
  makeSingleRun,
  type DivergenceRecord,
  type SingleRunOptions,
  type TakenStep,
} from '../training/single-run.js';
import { drawChart } from './chart.js';
import { loadMnist } from './data.js';
import { describeOptimizer } from './optimizers.js';
import { epochRecord, stepRecord, type EpochRecord } from './records.js';
import type { MnistSettings } from './settings.js';
import { startMnist } from './train.js';

function describeTraining(settings: MnistSettings, ranks: number): string {
  const { examples, batchSize, objectiveExamples, seed } = settings;
  const parts = [
    `${examples.toLocaleString('en')} examples`,
    `batch size ${batchSize}`,
    ...(objectiveExamples === null
      ? []
      : [`objective over ${objectiveExamples.toLocaleString('en')} examples`]),
    `seed ${seed}`,
    ...(ranks === 1 ? [] : [`${ranks} ranks`]),
  ];
  return `Training: ${parts.join(', ')}`;
}

function describeEpoch(record: EpochRecord, epochs: number): string {
  return (
    `Epoch ${record.epoch}/${epochs} took ${record.seconds.toFixed(1)} s ` +
    `(${Math.round(record.examplesPerSecond).toLocaleString('en')} examples/s): ` +
    `training loss ${record.trainingLoss.toFixed(4)}, test loss ${record.testLoss.toFixed(4)}, ` +
    `test accuracy ${(100 * record.testAccuracy).toFixed(2)} %`
  );
}

function describeEnd(last: EpochRecord | undefined, divergence: DivergenceRecord | null): string {
  const accuracy =
    last === undefined
      ? 'none, the first epoch did not end'
      : `${(100 * last.testAccuracy).toFixed(2)} % after epoch ${last.epoch}`;
  return divergence === null
    ? accuracy
    : `${accuracy}; step ${divergence.step} diverged: ${divergence.reason}`;
}

/** Trains on MNIST, shows the progress and writes the log and the chart into the folder. */
export async function runMnist(
  settings: MnistSettings,
  outputFolder: string,
  options: SingleRunOptions,
): Promise<void> {
  const { epochs, examples, batchSize } = settings;
  const { communicator = null } = options;
  const ranks = communicator?.size ?? 1;
  const mnist = loadMnist();
  const stepsPerEpoch = Math.ceil(examples / batchSize);
  const progress = ({ epoch, sums, report }: TakenStep) => {
    const examplesPerSecond = sums.examples / sums.seconds;
    const secondsLeft = (examples - sums.examples) / examplesPerSecond;
    return {
      stage: `Epoch ${epoch}/${epochs}`,
      step: sums.steps,
      steps: stepsPerEpoch,
      figures: [
        `loss ${(sums.loss / sums.examples).toFixed(4)}`,
        `step size ${report.stepSize.toPrecision(3)}`,
        `${Math.round(examplesPerSecond).toLocaleString('en')} examples/s`,
        `${Math.ceil(secondsLeft)} s left`,
      ],
    };
  };
  await makeSingleRun(
    {
      title: `MNIST, ${counted(epochs, 'epoch')} of ${counted(stepsPerEpoch, 'step')}`,
      chartTitle: `${optimizers[settings.optimizer.name].description.title} on MNIST`,
      description: [describeOptimizer(settings.optimizer), describeTraining(settings, ranks)],
      // Their number decides how a batch's sums are rounded.
      configuration: ranks === 1 ? settings : { ...settings, ranks },
      start: () => startMnist(settings, mnist, { communicator }),
      stepLine: stepRecord,
      epochLine: epochRecord,
      progress,
      epochText: (record) => describeEpoch(record, epochs),
      drawChart: (content) => drawChart({ ...content, batchSize }),
      result: (records, divergence) => ['Test accuracy', describeEnd(records.at(-1), divergence)],
    },
    outputFolder,
    options,
  );
}
