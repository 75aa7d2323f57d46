import seedrandom from 'seedrandom';

import { SeededRandom } from '../seeded-random.js';

/**
 * Uniform float32 numbers, 0 to 1: those of `tf.randomUniform` with this seed, but without
 * TensorFlow, which threads that prepare batches do not load.
 */
export function uniforms(count: number, seed: string): Float32Array {
  const random = seedrandom.alea(seed);
  return Float32Array.from({ length: count }, () => random());
}

/** The numbers 0 to count - 1 in random order: sorted by random keys. */
export function permutation(count: number, seed: string): Uint32Array {
  const keys = uniforms(count, seed);
  return Uint32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]!);
}

/** The generator of a text, such as the place of a mini-batch in a training. */
export function randomOf(seed: string): SeededRandom {
  return new SeededRandom(seedrandom.alea(seed).int32());
}
