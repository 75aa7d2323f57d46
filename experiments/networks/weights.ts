import * as tf from '@tensorflow/tfjs-node';

import { SeededRandom } from '../seeded-random.js';

/** The weights of a batch normalisation, each [channels]. */
export interface NormalisationWeights {
  readonly scale: tf.Tensor1D;
  readonly offset: tf.Tensor1D;
  readonly runningMean: tf.Variable<tf.Rank.R1>;
  readonly runningVariance: tf.Variable<tf.Rank.R1>;
}

/** The weights of a linear layer: [inputs, outputs] and [outputs]. */
export interface LinearWeights {
  readonly kernel: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1> | null;
}

/** How a bias starts, or that there is none. */
export type BiasStart = 'none' | 'zero' | 'uniform';

/**
 * Makes a network's weights, one after the other from one seeded generator, by the initial
 * distributions of the published code.
 */
export class Weights {
  readonly variables: tf.Variable[] = [];
  readonly statistics: tf.Variable[] = [];
  readonly #random: SeededRandom;

  /** @param seed A whole number from 0 to 2^32 - 1. */
  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** A convolution [size, size, inputs, outputs]: normal, standard deviation sqrt(2 / (size^2 outputs)). */
  filter(size: number, inputs: number, outputs: number): tf.Variable<tf.Rank.R4> {
    const deviation = Math.sqrt(2 / (size * size * outputs));
    return this.#trained<tf.Rank.R4>(
      [size, size, inputs, outputs],
      () => deviation * this.#random.normal(),
    );
  }

  /** Scale 1 and offset 0; running mean 0 and running variance 1. */
  normalisation(channels: number): NormalisationWeights {
    return {
      scale: this.#trained<tf.Rank.R1>([channels], () => 1),
      offset: this.#trained<tf.Rank.R1>([channels], () => 0),
      runningMean: this.#statistic([channels], 0),
      runningVariance: this.#statistic([channels], 1),
    };
  }

  /** Uniform within 1 / sqrt(inputs), a uniform bias too. */
  linear(inputs: number, outputs: number, bias: BiasStart): LinearWeights {
    const bound = 1 / Math.sqrt(inputs);
    return {
      kernel: this.uniform<tf.Rank.R2>([inputs, outputs], bound),
      bias: bias === 'none' ? null : this.uniform([outputs], bias === 'zero' ? 0 : bound),
    };
  }

  /** Uniform from -bound to bound. */
  uniform<Rank extends tf.Rank>(shape: tf.ShapeMap[Rank], bound: number): tf.Variable<Rank> {
    return this.#trained<Rank>(shape, () => bound * (2 * this.#random.uniform() - 1));
  }

  dispose(): void {
    tf.dispose([...this.variables, ...this.statistics]);
  }

  #trained<Rank extends tf.Rank>(shape: tf.ShapeMap[Rank], draw: () => number): tf.Variable<Rank> {
    const variable = makeVariable<Rank>(shape, draw, true);
    this.variables.push(variable);
    return variable;
  }

  #statistic(shape: [number], value: number): tf.Variable<tf.Rank.R1> {
    const variable = makeVariable<tf.Rank.R1>(shape, () => value, false);
    this.statistics.push(variable);
    return variable;
  }
}

function makeVariable<Rank extends tf.Rank>(
  shape: tf.ShapeMap[Rank],
  draw: () => number,
  trainable: boolean,
): tf.Variable<Rank> {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  const initial = tf.tensor<Rank>(values, shape);
  const variable = tf.variable<Rank>(initial, trainable);
  initial.dispose();
  return variable;
}
