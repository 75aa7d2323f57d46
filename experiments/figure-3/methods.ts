import { prepareOptimizer, type PreparedOptimizer } from '../dnc/optimizers.js';

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
  readonly prepare: (value: number | null) => PreparedOptimizer;
}

/** 10^first to 10^last. */
function powersOfTen(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`));
}

/** The methods and their values, as in the paper and its published code. */
export const methods: readonly Method[] = [
  {
    name: 'alig',
    title: 'ALI-G',
    hyperParameter: 'maxLearningRate',
    axisTitle: 'Learning rate η (ALI-G: maximal learning rate)',
    values: [...powersOfTen(-4, 7), null],
    prepare: (maxLearningRate) => prepareOptimizer({ name: 'alig', maxLearningRate }),
  },
];
