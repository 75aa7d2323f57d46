import * as tf from '@tensorflow/tfjs-node';

import { encodeFast } from './fast-sentence-encoder.js';
import type { Network } from './network.js';
import { encodeInOps } from './sentence-encoder.js';
import {
  type BidirectionalWeights,
  checkSentences,
  type LstmWeights,
  type SentencePairs,
} from './sentences.js';
import { hasTensorFlowOps } from './tensorflow-ops.js';
import { type LinearWeights, Weights } from './weights.js';

/** The published sizes are 300, 2,048, 512 and 3: 47,155,715 parameters. */
export interface SentencePairSizes {
  /** Numbers of a word. */
  readonly embedding: number;
  /** Of the LSTM, in one direction. */
  readonly units: number;
  /** Of the classifier's two inner layers. */
  readonly hidden: number;
  readonly classes: number;
}

function makeLstm(weights: Weights, embedding: number, units: number): LstmWeights<tf.Variable> {
  const bound = 1 / Math.sqrt(units);
  return {
    kernel: weights.uniform([embedding, 4 * units], bound),
    recurrentKernel: weights.uniform([units, 4 * units], bound),
    bias: weights.uniform([4 * units], bound),
    recurrentBias: weights.uniform([4 * units], bound),
  };
}

/**
 * Classifier of sentence pairs: a bidirectional LSTM with maximum pooling encodes both sentences as u
 * and v, and three linear layers without a nonlinearity take u, v, |u - v| and u * v. As `NLINet` of
 * github.com/lberrada/InferSent (InferSent, Conneau and others, 2017), without dropout.
 */
export class SentencePairClassifier implements Network<SentencePairs> {
  readonly variables: readonly tf.Variable[];
  readonly statistics: readonly tf.Variable[];
  readonly #weights: Weights;
  readonly #encoder: BidirectionalWeights;
  readonly #layers: readonly LinearWeights[];

  /** @param seed Determines the initial weights; a whole number from 0 to 2^32 - 1. */
  constructor({ embedding, units, hidden, classes }: SentencePairSizes, seed: number) {
    const weights = new Weights(seed);
    this.#encoder = {
      forward: makeLstm(weights, embedding, units),
      backward: makeLstm(weights, embedding, units),
    };
    // Two sentences, two directions, and what is made of them.
    const features = 4 * 2 * units;
    this.#layers = [
      weights.linear(features, hidden, 'uniform'),
      weights.linear(hidden, hidden, 'uniform'),
      weights.linear(hidden, classes, 'uniform'),
    ];
    this.#weights = weights;
    this.variables = weights.variables;
    this.statistics = weights.statistics;
  }

  /**
   * @throws RangeError where lengths and words do not fit, or where there are not as many premises as
   * hypotheses.
   */
  forward(pairs: SentencePairs): tf.Tensor2D {
    return tf.tidy(() => {
      const [u, v] = this.encode(pairs);
      const difference = u.sub<tf.Tensor2D>(v);
      // By its sign: the gradient of tfjs's abs at 0 is -1.
      const distance = difference.mul<tf.Tensor2D>(difference.sign());
      const features = tf.concat2d([u, v, distance, u.mul(v)], 1);
      return this.#layers.reduce(
        (x, { kernel, bias }) => tf.matMul(x, kernel).add<tf.Tensor2D>(bias!),
        features,
      );
    });
  }

  /** Premises and hypotheses, each [batch, 2 units]. */
  encode({ premises, hypotheses }: SentencePairs): [tf.Tensor2D, tf.Tensor2D] {
    checkSentences('premises', premises);
    checkSentences('hypotheses', hypotheses);
    const batch = premises.lengths.length;
    if (hypotheses.lengths.length !== batch) {
      throw new RangeError(
        `There are ${batch} premises and ${hypotheses.lengths.length} hypotheses; a pair has one of each.`,
      );
    }
    return tf.tidy(() => {
      if (!hasTensorFlowOps()) {
        return [encodeInOps(premises, this.#encoder), encodeInOps(hypotheses, this.#encoder)];
      }
      const both = encodeFast([premises, hypotheses], this.#encoder);
      return tf.split(both, 2, 0) as [tf.Tensor2D, tf.Tensor2D];
    });
  }

  dispose(): void {
    this.#weights.dispose();
  }
}
