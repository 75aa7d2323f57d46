import * as tf from '@tensorflow/tfjs-node';

import { batchShare, fastNormalisedRelu, varianceEpsilon } from './fast-batch-normalisation.js';
import { hasTensorFlowOps } from './tensorflow-ops.js';
import type { NormalisationWeights } from './weights.js';

/**
 * relu of the batch normalisation of [batch, rows, columns, channels]. A batch is normalised by its
 * biased variance, as usual, and moves the running variance by the unbiased one, as PyTorch's does.
 */
export function normalisedRelu(
  x: tf.Tensor4D,
  weights: NormalisationWeights,
  training: boolean,
): tf.Tensor4D {
  if (!training) {
    const { runningMean, runningVariance, offset, scale } = weights;
    return tf.batchNorm4d(x, runningMean, runningVariance, offset, scale, varianceEpsilon).relu();
  }
  return hasTensorFlowOps() ? fastNormalisedRelu(x, weights) : normalisedReluInOps(x, weights);
}

/** {@link normalisedRelu} in training in tfjs's operations. */
export function normalisedReluInOps(x: tf.Tensor4D, weights: NormalisationWeights): tf.Tensor4D {
  return tf.tidy(() => {
    const moments = tf.moments(x, [0, 1, 2]);
    const mean = moments.mean as tf.Tensor1D;
    const variance = moments.variance as tf.Tensor1D;
    const count = x.size / x.shape[3];
    const move = (running: tf.Variable<tf.Rank.R1>, ofBatch: tf.Tensor1D) => {
      running.assign(running.mul<tf.Tensor1D>(1 - batchShare).add(ofBatch.mul(batchShare)));
    };
    move(weights.runningMean, mean);
    move(weights.runningVariance, variance.mul(count / (count - 1)));
    return tf.batchNorm4d(x, mean, variance, weights.offset, weights.scale, varianceEpsilon).relu();
  });
}
