import { createOptimizer, exponentialDecay, stepDecay, type HyperParameters } from 'tfjs-alig';

import type { ScheduleSettings } from '../training/learning-rate.js';
import type { TrainingMethod } from '../training/training-experiment.js';

/** Decays of a learning rate after shares of all epochs. */
interface Steps {
  readonly afterShares: readonly number[];
  readonly factor: number;
}

/** The hand-made schedules of SGD; the shares are of the epochs of their authors. */
const steps = {
  // Zagoruyko and Komodakis: after 60, 120 and 160 of 200 epochs.
  'wrn-cifar': { afterShares: [60 / 200, 120 / 200, 160 / 200], factor: 0.2 },
  // Zagoruyko and Komodakis: after 80 and 120 of 160.
  'wrn-svhn': { afterShares: [80 / 160, 120 / 160], factor: 0.1 },
  // Huang and others: after 150 and 225 of 300.
  dn: { afterShares: [150 / 300, 225 / 300], factor: 0.1 },
} as const satisfies Record<string, Steps>;

/** A schedule by its name, as a run's hyper-parameters have it. */
export type ScheduleName = keyof typeof steps | 'infersent';

/** The schedule of that name for a training of so many epochs. */
export function scheduleOf(
  name: ScheduleName,
  learningRate: number,
  epochs: number,
): ScheduleSettings {
  if (name === 'infersent') {
    // Conneau and others: each epoch's rate is 0.99 of the one before, and a fifth where the
    // validation accuracy is no better.
    return { decay: exponentialDecay({ learningRate, factor: 0.99 }), plateauFactor: 1 / 5 };
  }
  const { afterShares, factor } = steps[name];
  const afterEpochs = afterShares.map((share) => Math.max(1, Math.round(share * epochs)));
  return { decay: stepDecay({ learningRate, afterEpochs: [...new Set(afterEpochs)], factor }) };
}

/**
 * A method whose run's hyper-parameters are the optimiser's own, and `schedule`, the name of a
 * schedule of its learning rate.
 */
function methodOf(
  name: string,
  title: string,
  optimizerName = name as keyof HyperParameters,
): TrainingMethod {
  return {
    name,
    title,
    optimizer({ hyperParameters }) {
      const own = Object.entries(hyperParameters).filter(([key]) => key !== 'schedule');
      return createOptimizer(
        optimizerName,
        Object.fromEntries(own) as unknown as HyperParameters[typeof optimizerName],
      );
    },
    schedule({ hyperParameters: { schedule, learningRate }, training }) {
      return schedule === undefined
        ? null
        : scheduleOf(schedule as ScheduleName, Number(learningRate), training.epochs);
    },
  };
}

/** The methods of the paper's Tables 1 to 3 and Figure 4, in the order of its tables. */
export const methods: readonly TrainingMethod[] = [
  methodOf('adagrad', 'Adagrad'),
  methodOf('adam', 'Adam'),
  methodOf('amsgrad', 'AMSGrad'),
  methodOf('adamw', 'AdamW'),
  methodOf('yogi', 'Yogi'),
  methodOf('bpgrad', 'BPGrad'),
  methodOf('dfw', 'DFW'),
  methodOf('l4adam', 'L4Adam'),
  methodOf('l4mom', 'L4Mom'),
  methodOf('alig-infinity', 'ALI-G∞', 'alig'),
  methodOf('alig', 'ALI-G'),
  methodOf('sgd', 'SGD'),
];
