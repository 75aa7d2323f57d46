/**
 * The repeat-copy task: a sequence of random bits is shown, then the number of times that it is to
 * be repeated. The channels of an observation are the bits, a start marker (1 in the first time
 * step) and the repeats flag (the number of repeats / 10, in the time step after the sequence);
 * those of a target are the bits and an end marker after the last repetition. A module of a
 * BatchSource.
 */
import type { Batch, BatchMaker, BatchSource } from '../training/batches.js';
import { uniforms } from '../training/random-order.js';

/** Sizes of the task. */
export interface RepeatCopySizes {
  readonly batchSize: number;
  readonly bits: number;
  readonly minLength: number;
  readonly maxLength: number;
  readonly minRepeats: number;
  readonly maxRepeats: number;
}

/** The task of the paper's experiment. */
export const publishedTask: RepeatCopySizes = {
  batchSize: 16,
  bits: 4,
  minLength: 1,
  maxLength: 2,
  minRepeats: 1,
  maxRepeats: 2,
};

/** The number of repeats that a flag of 1 would stand for, whatever the task's largest is. */
const repeatsOfFullFlag = 10;

/** A batch of sequences, time-major, padded with zeros to its longest one. */
export interface SequenceBatch extends Batch {
  /** Time steps of the longest sequence. */
  readonly steps: number;
  /** [steps, batchSize, bits + 2] */
  readonly observations: Float32Array;
  /** [steps, batchSize, bits + 1] */
  readonly targets: Float32Array;
  /** [steps, batchSize]: 1 where the output counts, else 0. */
  readonly mask: Float32Array;
}

/** What one sequence of a batch is made of. */
export interface Sequence {
  readonly repeats: number;
  /** The bits (0 or 1) of each time step. */
  readonly pattern: readonly (readonly number[])[];
}

/** A uniform whole number, first to last, from a uniform float32 in [0, 1]. */
function wholeNumber(first: number, last: number, uniform: number): number {
  // Rounding to float32 can make a 1 of a number that is almost 1.
  return Math.min(first + Math.floor(uniform * (last - first + 1)), last);
}

/** Draws the sequences of a batch. The same seed gives the same ones. */
export function drawSequences(sizes: RepeatCopySizes, seed: string): Sequence[] {
  const { batchSize, bits, minLength, maxLength, minRepeats, maxRepeats } = sizes;
  const perSequence = 2 + maxLength * bits;
  const uniform = uniforms(batchSize * perSequence, seed);
  return Array.from({ length: batchSize }, (_, element) => {
    const [forLength = 0, forRepeats = 0, ...forBits] = uniform.subarray(
      element * perSequence,
      (element + 1) * perSequence,
    );
    const length = wholeNumber(minLength, maxLength, forLength);
    return {
      repeats: wholeNumber(minRepeats, maxRepeats, forRepeats),
      pattern: Array.from({ length }, (_, time) =>
        forBits.slice(time * bits, (time + 1) * bits).map((value) => wholeNumber(0, 1, value)),
      ),
    };
  });
}

/** Lays sequences out as observations, targets and mask. */
export function layOut(bits: number, sequences: readonly Sequence[]): SequenceBatch {
  const batchSize = sequences.length;
  const steps = Math.max(
    ...sequences.map(({ repeats, pattern }) => pattern.length * (repeats + 1) + 3),
  );
  const observationChannels = bits + 2;
  const targetChannels = bits + 1;
  const observations = new Float32Array(steps * batchSize * observationChannels);
  const targets = new Float32Array(steps * batchSize * targetChannels);
  const mask = new Float32Array(steps * batchSize);
  sequences.forEach(({ repeats, pattern }, element) => {
    const { length } = pattern;
    const observation = (time: number) => (time * batchSize + element) * observationChannels;
    const target = (time: number) => (time * batchSize + element) * targetChannels;
    observations[observation(0) + bits] = 1;
    pattern.forEach((values, time) => {
      observations.set(values, observation(1 + time));
    });
    observations[observation(1 + length) + bits + 1] = repeats / repeatsOfFullFlag;
    const start = length + 2;
    const end = start + length * repeats;
    for (let time = start; time < end; time++) {
      targets.set(pattern[(time - start) % length]!, target(time));
    }
    targets[target(end) + bits] = 1;
    for (let time = start; time <= end; time++) {
      mask[time * batchSize + element] = 1;
    }
  });
  return { batchSize, steps, observations, targets, mask };
}

/** A random batch of the task. The same seed gives the same batch. */
export function drawBatch(sizes: RepeatCopySizes, seed: string): SequenceBatch {
  return layOut(sizes.bits, drawSequences(sizes, seed));
}

/** The batch of a step depends on the seed and the step alone. */
export function batchOfStep(task: RepeatCopySizes, seed: number, step: number): SequenceBatch {
  return drawBatch(task, `${seed}/batch/${step}`);
}

/** What the batches of a training depend on. */
interface RepeatCopyData {
  readonly task: RepeatCopySizes;
  readonly seed: number;
  readonly stepsPerEpoch: number;
}

export function batchMaker({
  task,
  seed,
  stepsPerEpoch,
}: RepeatCopyData): BatchMaker<SequenceBatch> {
  return ({ epoch, index }) => batchOfStep(task, seed, (epoch - 1) * stepsPerEpoch + index + 1);
}

/** The batches of the task as a source. */
export function repeatCopyBatches(data: RepeatCopyData): BatchSource {
  return { module: new URL(import.meta.url), data };
}
