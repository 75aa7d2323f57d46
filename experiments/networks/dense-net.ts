import * as tf from '@tensorflow/tfjs-node';

import { normalisedRelu } from './batch-normalisation.js';
import { convolution } from './convolution.js';
import type { Mode, Network } from './network.js';
import { type LinearWeights, type NormalisationWeights, Weights } from './weights.js';

/** Which DenseNet-BC; DN-40-40 has depth 40 and growth 40. */
export interface DenseNetSizes {
  /** Convolutions in a row: 4 and a multiple of 6. */
  readonly depth: number;
  /** Channels that a bottleneck adds. */
  readonly growth: number;
  readonly classes: number;
}

/** Share of the channels that a transition keeps. */
const reduction = 0.5;

/** Channels within a bottleneck, as a multiple of those that it adds. */
const expansion = 4;

/** A 1x1 convolution of normalised inputs: a transition, or a bottleneck's first half. */
interface Projection {
  readonly normalisation: NormalisationWeights;
  readonly filter: tf.Variable<tf.Rank.R4>;
}

interface Bottleneck {
  readonly narrow: Projection;
  readonly spread: Projection;
}

function makeProjection(
  weights: Weights,
  size: 1 | 3,
  inputs: number,
  outputs: number,
): Projection {
  return {
    normalisation: weights.normalisation(inputs),
    filter: weights.filter(size, inputs, outputs),
  };
}

/**
 * Densely connected network with bottlenecks and compression (Huang and others, 2017), as
 * experiments/models/densenet.py of github.com/oval-group/ali-g, without dropout. It takes images
 * [batch, rows, columns, 3].
 */
export class DenseNet implements Network<tf.Tensor4D> {
  readonly variables: readonly tf.Variable[];
  readonly statistics: readonly tf.Variable[];
  readonly #weights: Weights;
  readonly #firstFilter: tf.Variable<tf.Rank.R4>;
  readonly #blocks: readonly (readonly Bottleneck[])[];
  /** One between two blocks. */
  readonly #transitions: readonly Projection[];
  readonly #lastNormalisation: NormalisationWeights;
  readonly #classifier: LinearWeights;

  /**
   * @param seed Determines the initial weights; a whole number from 0 to 2^32 - 1.
   * @throws RangeError for a depth that makes no such network.
   */
  constructor({ depth, growth, classes }: DenseNetSizes, seed: number) {
    const count = (depth - 4) / 6;
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(
        `depth is ${depth}; it must be 10, 16, 22 and so on: 4 and 6 a bottleneck.`,
      );
    }
    const weights = new Weights(seed);
    let channels = 2 * growth;
    this.#firstFilter = weights.filter(3, 3, channels);
    const blocks: Bottleneck[][] = [];
    const transitions: Projection[] = [];
    for (let block = 0; block < 3; block++) {
      blocks.push(
        Array.from({ length: count }, () => {
          const narrow = makeProjection(weights, 1, channels, expansion * growth);
          const spread = makeProjection(weights, 3, expansion * growth, growth);
          channels += growth;
          return { narrow, spread };
        }),
      );
      if (block === 2) break;
      const kept = Math.floor(reduction * channels);
      transitions.push(makeProjection(weights, 1, channels, kept));
      channels = kept;
    }
    this.#blocks = blocks;
    this.#transitions = transitions;
    this.#lastNormalisation = weights.normalisation(channels);
    this.#classifier = weights.linear(channels, classes, 'none');
    this.#weights = weights;
    this.variables = weights.variables;
    this.statistics = weights.statistics;
  }

  forward(images: tf.Tensor4D, { training }: Mode): tf.Tensor2D {
    return tf.tidy(() => {
      const project = (x: tf.Tensor4D, { normalisation, filter }: Projection) =>
        convolution(normalisedRelu(x, normalisation, training), filter, 1);
      let x = convolution(images, this.#firstFilter, 1);
      for (const [i, block] of this.#blocks.entries()) {
        for (const { narrow, spread } of block) {
          x = tf.concat4d([x, project(project(x, narrow), spread)], 3);
        }
        const transition = this.#transitions[i];
        if (transition) x = tf.avgPool(project(x, transition), 2, 2, 'valid');
      }
      const pooled = normalisedRelu(x, this.#lastNormalisation, training).mean<tf.Tensor2D>([1, 2]);
      return tf.matMul(pooled, this.#classifier.kernel);
    });
  }

  dispose(): void {
    this.#weights.dispose();
  }
}
