/** Batch normalisation and relu for tfjs-node, by TensorFlow's fused ops. */
import * as tf from '@tensorflow/tfjs-node';

import { bool, float, float32, runOp, string, tensorFlowBackend } from './tensorflow-ops.js';
import type { NormalisationWeights } from './weights.js';

export const varianceEpsilon = 1e-5;

/** What of a running statistic a batch replaces. */
export const batchShare = 0.1;

const kernelName = 'NormalisedRelu';

interface Inputs extends tf.NamedTensorMap {
  readonly x: tf.Tensor;
  readonly scale: tf.Tensor;
  readonly offset: tf.Tensor;
  readonly runningMean: tf.Tensor;
  readonly runningVariance: tf.Tensor;
}

const attributes = {
  T: float32,
  U: float32,
  epsilon: float(varianceEpsilon),
  data_format: string('NHWC'),
  is_training: bool(true),
};

tf.registerKernel({
  kernelName,
  backendName: tensorFlowBackend,
  kernelFunc: ({ inputs }) => {
    const { x, scale, offset, runningMean, runningVariance } = inputs as Inputs;
    // The op moves the running statistics itself, by the unbiased variance.
    const [normal, ...statistics] = runOp(
      'FusedBatchNormV3',
      [x, scale, offset, runningMean, runningVariance],
      { ...attributes, exponential_avg_factor: float(batchShare) },
      6,
    );
    const [output] = runOp('Relu', [normal!], { T: float32 });
    normal!.dispose();
    return [output!, ...statistics];
  },
});

tf.registerGradient({
  kernelName,
  inputsToSave: ['x', 'scale'],
  // Not the new running statistics: output, then what the op reserves for its gradient.
  outputsToSave: [true, false, false, true, true, true],
  gradFunc: (byOutputs, saved) => {
    const [x, scale, output, ...reserved] = saved as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    const gradients = tf.tidy(() => {
      const [byNormal] = runOp('ReluGrad', [(byOutputs as tf.Tensor[])[0]!, output!], {
        T: float32,
      });
      return runOp('FusedBatchNormGradV3', [byNormal!, x, scale, ...reserved], attributes, 5).slice(
        0,
        3,
      );
    });
    return Object.fromEntries(
      ['x', 'scale', 'offset'].map((name, i) => [name, () => gradients[i]!]),
    );
  },
});

/** {@link normalisedRelu} in training on tfjs-node. */
export function fastNormalisedRelu(x: tf.Tensor4D, weights: NormalisationWeights): tf.Tensor4D {
  return tf.tidy(() => {
    const { scale, offset, runningMean, runningVariance } = weights;
    const inputs: Inputs = { x, scale, offset, runningMean, runningVariance };
    const [output, newMean, newVariance] = tf
      .engine()
      .runKernel<tf.Tensor[]>(kernelName, inputs) as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    runningMean.assign(newMean);
    runningVariance.assign(newVariance);
    return output;
  });
}
