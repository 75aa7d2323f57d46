import * as tf from '@tensorflow/tfjs-node';

import { runDnc, zeroState } from './core.js';
import type { DncParameters } from './parameters.js';
import type { SequenceBatch } from './repeat-copy.js';
import type { DncSizes } from './sizes.js';

/**
 * The loss of logits [T, B, channels]: sigmoid cross entropy in nats, summed over the channels and
 * the time steps of the mask [T, B], averaged over the batch.
 *
 * It has to be exact where it is tiny: with logits of at most 20, its smallest value is about
 * 3.4e-8, which log(1 + x) in float32 would round to 0.
 */
export function maskedCrossEntropy(
  logits: tf.Tensor,
  targets: tf.Tensor,
  mask: tf.Tensor,
): tf.Scalar {
  const batchSize = logits.shape[1]!;
  const entropies = logits.relu().sub(logits.mul(targets)).add(logits.abs().neg().exp().log1p());
  return entropies.sum(-1).mul(mask).sum().div(batchSize);
}

/** The loss of a batch by the tfjs operations of core.ts, from the zero state. */
export function sequenceLoss(
  sizes: DncSizes,
  parameters: DncParameters,
  batch: SequenceBatch,
): tf.Scalar {
  const { steps, batchSize } = batch;
  const inputs = tf.tensor3d(batch.observations, [steps, batchSize, sizes.inputSize]);
  const { outputs } = runDnc(sizes, parameters, inputs, zeroState(sizes, batchSize));
  return maskedCrossEntropy(
    outputs,
    tf.tensor3d(batch.targets, [steps, batchSize, sizes.outputSize]),
    tf.tensor2d(batch.mask, [steps, batchSize]),
  );
}
