/** A small classification problem and models for it, the same weights whatever they are called. */
import * as tf from '@tensorflow/tfjs-core';
import { SeededRandom } from '../../experiments/seeded-random.js';

export interface Network {
  readonly variables: tf.Variable[];
  /** Logits of shape [batch, 3]. */
  readonly scores: (inputs: tf.Tensor2D) => tf.Tensor2D;
}

/** A network of one hidden layer: 4 inputs, 5 hidden units, 3 scores. */
export function newNetwork(seed = 3): Network {
  const random = new SeededRandom(seed);
  const make = (rows: number, columns: number) => {
    const initial = tf.tensor2d(random.normals(rows * columns), [rows, columns]);
    const variable = tf.variable<tf.Rank.R2>(initial);
    initial.dispose();
    return variable;
  };
  const [first, second] = [make(4, 5), make(5, 3)];
  return {
    variables: [first, second],
    scores: (inputs) => tf.matMul(tf.tanh(tf.matMul(inputs, first)), second),
  };
}

/** Inputs of shape [examples, 4] and class indices of shape [examples]. */
export function examples(count: number, seed = 17): { inputs: tf.Tensor2D; labels: tf.Tensor1D } {
  const random = new SeededRandom(seed);
  return {
    inputs: tf.tensor2d(random.normals(count * 4), [count, 4]),
    labels: tf.tensor1d(
      Array.from({ length: count }, () => random.below(3)),
      'int32',
    ),
  };
}

export function valuesOf(tensors: readonly tf.Tensor[]): number[] {
  return tensors.flatMap((tensor) => [...tensor.dataSync()]);
}

/** The largest difference, relative to the largest magnitude; NaN where one is NaN. */
export function relativeDifference(got: readonly number[], expected: readonly number[]): number {
  if (got.length !== expected.length) return Infinity;
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...got.map((value, i) => Math.abs(value - expected[i]!))) / scale;
}
