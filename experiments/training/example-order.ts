import type { Splits } from '../data/dataset.js';
import type { BatchCounts, Place } from './batches.js';
import type { Shard } from '../runner/ranks.js';
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
  /** Which part of each batch is made. Default: all of it. */
  readonly shard?: Shard;
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
  readonly #shard: Shard;
  readonly #chosen: Uint32Array;
  #epoch = 0;
  /** Of that epoch. */
  #order = new Uint32Array();

  constructor(settings: OrderSettings) {
    const { examples, sizes } = settings;
    this.#settings = settings;
    this.#shard = settings.shard ?? { rank: 0, ranks: 1 };
    if (examples > sizes.train) {
      throw new RangeError(
        `examples must be at most the ${sizes.train} of the training set, not ${examples}.`,
      );
    }
    const smallest = Math.min(settings.batchSize, examples % settings.batchSize || Infinity);
    if (smallest < this.#shard.ranks) {
      throw new RangeError(
        `The smallest batch has ${smallest} examples, fewer than the ${this.#shard.ranks} ranks that ` +
          'share it; choose another batch size or number of examples.',
      );
    }
    this.#chosen = chosenExamples(settings);
  }

  /**
   * The examples of a place, as places in their set: this rank's part of them. In training all ranks have as
   * many, because each counts as much in a step; up to so many less than there are ranks are left out.
   */
  indices({ set, epoch, index }: Place): Uint32Array {
    const { batchSize, evaluationBatchSize, sizes } = this.#settings;
    const { rank, ranks } = this.#shard;
    if (set === 'train') {
      const batch = this.#orderOf(epoch).subarray(index * batchSize, (index + 1) * batchSize);
      const each = Math.floor(batch.length / ranks);
      return batch.subarray(rank * each, (rank + 1) * each);
    }
    const first = index * evaluationBatchSize;
    const count = Math.min(evaluationBatchSize, sizes[set] - first);
    const [begin, end] = [rank, rank + 1].map((part) => Math.floor((count * part) / ranks));
    return Uint32Array.from({ length: end! - begin! }, (_, offset) => first + begin! + offset);
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
