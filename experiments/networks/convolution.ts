import * as tf from '@tensorflow/tfjs-node';

import { fastConvolution } from './fast-convolution.js';
import { hasTensorFlowOps } from './tensorflow-ops.js';

/**
 * A convolution without bias, padded by (size - 1) / 2 zeros on every side: [batch, rows, columns,
 * inputs] by [size, size, inputs, outputs], size odd.
 */
export function convolution(x: tf.Tensor4D, filter: tf.Tensor4D, stride: 1 | 2): tf.Tensor4D {
  return hasTensorFlowOps()
    ? fastConvolution(x, filter, stride)
    : convolutionInOps(x, filter, stride);
}

/** {@link convolution} in tfjs's operations. */
export function convolutionInOps(x: tf.Tensor4D, filter: tf.Tensor4D, stride: 1 | 2): tf.Tensor4D {
  const padding = (filter.shape[0] - 1) / 2;
  if (padding === 0) return tf.conv2d(x, filter, stride, 'valid');
  // 'same' would pad 0 before and 1 after where the stride is 2.
  const border: [number, number] = [padding, padding];
  return tf.conv2d(tf.pad4d(x, [[0, 0], border, border, [0, 0]]), filter, stride, 'valid');
}
