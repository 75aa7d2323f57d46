import type { Splits } from '../data/dataset.js';
import type { BatchCounts, Place } from './batches.js';
import { permutation } from './random-order.js';

/** What the order of a run's examples depends on. */
export interface OrderSettings {
  /** How many examples each set has. */
  readonly sizes: Splits<number>;
  /** How many of the training set are trained on; the seed chooses them. */
  readonly examples: number;
  readonly batchSize: number;
  /** Of validation and test, whose results do not depend on it. */
  readonly evaluationBatchSize: number;
  readonly seed: number;
}

/** The mini-batches of so many epochs; the last one of an epoch or a set may be smaller. */
export function countBatches(
  { sizes, examples, batchSize, evaluationBatchSize }: OrderSettings,
  epochs: number,
): BatchCounts {
  const stepsPerEpoch = Math.ceil(examples / batchSize);
  return {
    steps: epochs * stepsPerEpoch,
    stepsPerEpoch,
    validation: Math.ceil(sizes.validation / evaluationBatchSize),
    test: Math.ceil(sizes.test / evaluationBatchSize),
  };
}

/** The training examples that the seed chooses, as places in their set. */
export function chosenExamples({ sizes, examples, seed }: OrderSettings): Uint32Array {
  return permutation(sizes.train, `${seed}/choice`).subarray(0, examples);
}

/** Says which examples a mini-batch has: every epoch has a random order of its own. */
export class ExampleOrder {
  readonly #settings: OrderSettings;
  readonly #chosen: Uint32Array;
  #epoch = 0;
  /** Of that epoch. */
  #order = new Uint32Array();

  constructor(settings: OrderSettings) {
    const { examples, sizes } = settings;
    if (examples > sizes.train) {
      throw new RangeError(
        `examples must be at most the ${sizes.train} of the training set, not ${examples}.`,
      );
    }
    this.#settings = settings;
    this.#chosen = chosenExamples(settings);
  }

  /** The examples of a place, as places in their set. */
  indices({ set, epoch, index }: Place): Uint32Array {
    const { batchSize, evaluationBatchSize, sizes } = this.#settings;
    if (set === 'train') {
      return this.#orderOf(epoch).subarray(index * batchSize, (index + 1) * batchSize);
    }
    const first = index * evaluationBatchSize;
    const count = Math.min(evaluationBatchSize, sizes[set] - first);
    return Uint32Array.from({ length: count }, (_, offset) => first + offset);
  }

  #orderOf(epoch: number): Uint32Array {
    if (epoch !== this.#epoch) {
      const chosen = this.#chosen;
      this.#order = permutation(chosen.length, `${this.#settings.seed}/epoch/${epoch}`).map(
        (position) => chosen[position]!,
      );
      this.#epoch = epoch;
    }
    return this.#order;
  }
}
