import type { OptimizerSettings } from './optimizers.js';

/** What a training run depends on, apart from the machine: the same settings give the same numbers. */
export interface MnistSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Determines the initial weights, the examples that are chosen and their order. */
  readonly seed: number;
  /** How many of the 60,000 training examples are used, chosen at random by the seed. */
  readonly examples: number;
  readonly optimizer: OptimizerSettings;
  /**
   * How many of the examples stand for all of them where the optimiser needs the loss of all before
   * each step; null where it does not.
   */
  readonly objectiveExamples: number | null;
}

/** Number of training examples in MNIST. */
export const trainingExampleCount = 60_000;
/** Number of test examples in MNIST. */
export const testExampleCount = 10_000;

/** Examples in the objective of an optimiser that has one. */
export const defaultObjectiveExamples = 2_000;

/** The settings of `tfjs-alig train mnist` without options. */
export const defaultSettings: MnistSettings = {
  epochs: 2,
  batchSize: 128,
  seed: 1,
  examples: trainingExampleCount,
  optimizer: {
    name: 'alig',
    hyperParameters: {
      maxLearningRate: 0.1,
      momentum: 0.9,
      epsilon: 1e-5,
      lowerBound: 0,
      maxNorm: null,
      adjustedMomentum: false,
    },
  },
  objectiveExamples: null,
};
