import { prepareOptimizer } from '../dnc/optimizers.js';
import { baselineNames, l4Names } from '../dnc/settings.js';
import type { TrainingOptimizer } from '../training/step.js';

/** A row of the heat map: a method and the values of its one hyper-parameter. */
export interface Method {
  /** As a run's name has it. */
  readonly name: string;
  readonly title: string;
  readonly hyperParameter: string;
  /** Title of the axis of the values; methods with the same one share a panel. */
  readonly axisTitle: string;
  /** null: none. */
  readonly values: readonly (number | null)[];
  readonly prepare: (value: number | null) => TrainingOptimizer;
}

/** 10^first to 10^last. */
function powersOfTen(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`));
}

const axisTitle = 'Learning rate η (ALI-G: maximal learning rate)';

const titles = {
  sgd: 'SGD',
  momentum: 'Momentum',
  adam: 'Adam',
  rmsprop: 'RMSProp',
  adagrad: 'Adagrad',
  l4adam: 'L4Adam',
  l4mom: 'L4Mom',
};

const baselines = baselineNames.map((name): Method => ({
  name,
  title: titles[name],
  hyperParameter: 'learningRate',
  axisTitle,
  values: powersOfTen(-4, 4),
  prepare: (learningRate) => prepareOptimizer({ name, learningRate: learningRate! }),
}));

const l4Methods = l4Names.map((name): Method => ({
  name,
  title: titles[name],
  hyperParameter: 'fraction',
  axisTitle: 'Fraction α (L4)',
  // 0.05, 0.15, ... 0.95
  values: Array.from({ length: 10 }, (_, index) => (5 + 10 * index) / 100),
  prepare: (fraction) => prepareOptimizer({ name, fraction: fraction! }),
}));

/** The methods and their values, as in the paper. */
export const methods: readonly Method[] = [
  ...baselines,
  ...l4Methods,
  {
    name: 'alig',
    title: 'ALI-G',
    hyperParameter: 'maxLearningRate',
    axisTitle,
    values: [...powersOfTen(-4, 7), null],
    prepare: (maxLearningRate) => prepareOptimizer({ name: 'alig', maxLearningRate }),
  },
];
