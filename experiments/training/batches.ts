import type { Splits } from '../data/dataset.js';

/** Which examples a mini-batch is of. */
export type SetName = keyof Splits<unknown>;

/** Which mini-batch of a run: with the run's seed it says all that the batch depends on. */
export interface Place {
  readonly set: SetName;
  /** From 1. */
  readonly epoch: number;
  /** Of the batch within its epoch or its set, from 0. */
  readonly index: number;
}

/**
 * A mini-batch: typed arrays and numbers, also in objects of their own. Its arrays are nobody
 * else's, because they go from thread to thread without being copied.
 */
export interface Batch {
  /** How many examples it has. */
  readonly batchSize: number;
}

/** Makes the mini-batch of a place, the same one at every call. */
export type BatchMaker<Content extends Batch> = (place: Place) => Content;

/** What makes the mini-batches of a run, in whatever thread. */
export interface BatchSource {
  /**
   * A module whose export `batchMaker` makes a {@link BatchMaker} of `data`. It does not import
   * TensorFlow, which a thread would load once more.
   */
  readonly module: URL;
  /** What structured cloning can copy; examples lie in a SharedArrayBuffer, which it does not copy. */
  readonly data: unknown;
}

/** How many mini-batches a run has. */
export interface BatchCounts {
  /** Of the training, all epochs together. */
  readonly steps: number;
  /** The last epoch may have fewer. */
  readonly stepsPerEpoch: number;
  /** 0: there is no validation. */
  readonly validation: number;
  /** 0: there is no test. */
  readonly test: number;
}

/** The epoch of a step, both counted from 1. */
export function epochOf(step: number, { stepsPerEpoch }: BatchCounts): number {
  return Math.ceil(step / stepsPerEpoch);
}

/** Whether a step, counted from 1, is the last one of its epoch. */
export function endsEpoch(step: number, { steps, stepsPerEpoch }: BatchCounts): boolean {
  return step % stepsPerEpoch === 0 || step === steps;
}

/** The places of a set's batches in order, after an epoch. */
export function* placesOf(
  set: 'validation' | 'test',
  epoch: number,
  counts: BatchCounts,
): Generator<Place> {
  for (let index = 0; index < counts[set]; index++) {
    yield { set, epoch, index };
  }
}

/** All places that come after so many steps, in the order in which a run takes them. */
export function* placesAfter(stepsTaken: number, counts: BatchCounts): Generator<Place> {
  for (let step = stepsTaken + 1; step <= counts.steps; step++) {
    const epoch = epochOf(step, counts);
    yield { set: 'train', epoch, index: (step - 1) % counts.stepsPerEpoch };
    if (endsEpoch(step, counts)) {
      yield* placesOf('validation', epoch, counts);
    }
  }
  yield* placesOf('test', epochOf(counts.steps, counts), counts);
}
