/** Optimisers with a learning rate of the user's. */
export const baselineNames = ['sgd', 'momentum', 'adam', 'rmsprop', 'adagrad'] as const;

/** Optimisers whose step size comes from the loss, by a fraction of the user's. */
export const l4Names = ['l4adam', 'l4mom'] as const;

/** Which optimiser trains, and its one hyper-parameter. */
export type OptimizerSettings =
  | {
      readonly name: 'alig';
      /** null: ALI-G-infinity, whose step size has no maximum. */
      readonly maxLearningRate: number | null;
    }
  | { readonly name: (typeof baselineNames)[number]; readonly learningRate: number }
  | { readonly name: (typeof l4Names)[number]; readonly fraction: number };

/** What a training run depends on, apart from the machine: the same settings give the same numbers. */
export interface DncSettings {
  readonly optimizer: OptimizerSettings;
  readonly steps: number;
  /** Determines the initial parameters and all batches. */
  readonly seed: number;
}

/** The settings of `tfjs-alig train dnc` without options. */
export const defaultSettings = {
  optimizer: { name: 'alig', maxLearningRate: 1 },
  steps: 10_000,
  seed: 1,
} as const satisfies DncSettings;

/** So many steps make one mean of the loss; the last one is the final objective. */
export const meanSteps = 100;
