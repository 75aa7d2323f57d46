import * as tf from '@tensorflow/tfjs-node';

/**
 * A convolution without bias, padded by (size - 1) / 2 zeros on every side: [batch, rows, columns,
 * inputs] by [size, size, inputs, outputs], size odd.
 */
export function convolution(x: tf.Tensor4D, filter: tf.Tensor4D, stride: 1 | 2): tf.Tensor4D {
  const padding = (filter.shape[0] - 1) / 2;
  if (stride === 1 || padding === 0) return tf.conv2d(x, filter, stride, 'same');
  // 'same' would pad 0 before and 1 after here.
  const border: [number, number] = [padding, padding];
  return tf.conv2d(tf.pad4d(x, [[0, 0], border, border, [0, 0]]), filter, stride, 'valid');
}
