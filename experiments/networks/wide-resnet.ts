import * as tf from '@tensorflow/tfjs-node';

import { normalisedRelu } from './batch-normalisation.js';
import { convolution } from './convolution.js';
import { dropout } from './dropout.js';
import type { Mode, Network } from './network.js';
import { type LinearWeights, type NormalisationWeights, Weights } from './weights.js';

/** Which wide residual network; WRN-16-4 has depth 16 and width 4. */
export interface WideResNetSizes {
  /** Convolutions in a row: 4 and a multiple of 6. */
  readonly depth: number;
  /** How many times 16, 32 and 64 channels there are. */
  readonly width: number;
  readonly classes: number;
  /** Share of the activations between a block's two convolutions that training drops. Default: 0. */
  readonly dropout?: number;
}

interface Block {
  readonly stride: 1 | 2;
  readonly normalisation1: NormalisationWeights;
  readonly filter1: tf.Variable<tf.Rank.R4>;
  readonly normalisation2: NormalisationWeights;
  readonly filter2: tf.Variable<tf.Rank.R4>;
  /** Where the number of channels changes. */
  readonly shortcut: tf.Variable<tf.Rank.R4> | null;
}

function makeBlock(weights: Weights, inputs: number, outputs: number, stride: 1 | 2): Block {
  return {
    stride,
    normalisation1: weights.normalisation(inputs),
    filter1: weights.filter(3, inputs, outputs),
    normalisation2: weights.normalisation(outputs),
    filter2: weights.filter(3, outputs, outputs),
    shortcut: inputs === outputs ? null : weights.filter(1, inputs, outputs),
  };
}

/**
 * Wide residual network with pre-activation blocks (Zagoruyko and Komodakis, 2016), as
 * experiments/models/wide_resnet.py of github.com/oval-group/ali-g. It takes images [batch, rows,
 * columns, 3].
 */
export class WideResNet implements Network<tf.Tensor4D> {
  readonly variables: readonly tf.Variable[];
  readonly statistics: readonly tf.Variable[];
  readonly #weights: Weights;
  readonly #dropout: number;
  readonly #firstFilter: tf.Variable<tf.Rank.R4>;
  readonly #blocks: readonly Block[];
  readonly #lastNormalisation: NormalisationWeights;
  readonly #classifier: LinearWeights;

  /**
   * @param seed Determines the initial weights; a whole number from 0 to 2^32 - 1.
   * @throws RangeError for sizes that make no such network.
   */
  constructor(sizes: WideResNetSizes, seed: number) {
    const { depth, width, classes, dropout: dropped = 0 } = sizes;
    const blocks = (depth - 4) / 6;
    if (!Number.isInteger(blocks) || blocks < 1) {
      throw new RangeError(`depth is ${depth}; it must be 10, 16, 22 and so on: 4 and 6 a block.`);
    }
    if (!(dropped >= 0 && dropped < 1)) {
      throw new RangeError(`dropout is ${dropped}; it must be at least 0 and less than 1.`);
    }
    const weights = new Weights(seed);
    const group = (inputs: number, outputs: number, stride: 1 | 2) =>
      Array.from({ length: blocks }, (_, i) =>
        i === 0
          ? makeBlock(weights, inputs, outputs, stride)
          : makeBlock(weights, outputs, outputs, 1),
      );
    this.#dropout = dropped;
    this.#firstFilter = weights.filter(3, 3, 16);
    this.#blocks = [
      ...group(16, 16 * width, 1),
      ...group(16 * width, 32 * width, 2),
      ...group(32 * width, 64 * width, 2),
    ];
    this.#lastNormalisation = weights.normalisation(64 * width);
    this.#classifier = weights.linear(64 * width, classes, 'zero');
    this.#weights = weights;
    this.variables = weights.variables;
    this.statistics = weights.statistics;
  }

  forward(images: tf.Tensor4D, mode: Mode): tf.Tensor2D {
    return tf.tidy(() => {
      let x = convolution(images, this.#firstFilter, 1);
      for (const block of this.#blocks) x = this.#applyBlock(block, x, mode);
      const pooled = normalisedRelu(x, this.#lastNormalisation, mode.training).mean<tf.Tensor2D>([
        1, 2,
      ]);
      return pooled.matMul(this.#classifier.kernel).add(this.#classifier.bias!);
    });
  }

  dispose(): void {
    this.#weights.dispose();
  }

  #applyBlock(block: Block, x: tf.Tensor4D, mode: Mode): tf.Tensor4D {
    return tf.tidy(() => {
      const active = normalisedRelu(x, block.normalisation1, mode.training);
      let inner = convolution(active, block.filter1, block.stride);
      inner = normalisedRelu(inner, block.normalisation2, mode.training);
      if (mode.training && this.#dropout > 0) {
        if (!mode.random) {
          throw new TypeError(
            'mode.random is missing: dropout takes its masks from it in training.',
          );
        }
        inner = dropout(inner, this.#dropout, mode.random);
      }
      const shortcut = block.shortcut ? convolution(active, block.shortcut, block.stride) : x;
      return convolution(inner, block.filter2, 1).add(shortcut);
    });
  }
}
