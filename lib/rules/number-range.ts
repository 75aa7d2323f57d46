/** What the numbers of a backend can hold, for the portable forms of the rules. */
import * as tf from '@tensorflow/tfjs-core';

/** The largest half float. */
const LARGEST_HALF = 65504;

/**
 * Whether the backend's numbers are half floats: WebGL of devices that cannot draw into float32
 * textures, as iPhones. (tf.backend().floatPrecision() says 16 of the others as well.)
 */
export function hasHalfFloats(): boolean {
  return tf.getBackend() === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
}

/**
 * Where numbers end: Infinity, and with half floats the largest of them, because what is larger
 * comes out as NaN there and would spoil a minimum that it should lose. It stands for Infinity.
 */
export function largestNumber(): number {
  return hasHalfFloats() ? LARGEST_HALF : Infinity;
}

/** Whether a number that stops at {@link largestNumber} is finite. */
export function isFiniteNumber(value: tf.Tensor): tf.Tensor {
  const finite = tf.isFinite(value);
  return hasHalfFloats() ? tf.logicalAnd(finite, tf.less(tf.abs(value), LARGEST_HALF)) : finite;
}

/**
 * numerator / denominator, which is at least 0, with half floats: no further than their end, and 0
 * where the numerator is.
 */
export function halfFloatQuotient(numerator: tf.Tensor, denominator: tf.Tensor): tf.Tensor {
  const size = tf.abs(numerator);
  // A quotient by 1 or more cannot overflow, but the product here could.
  const ends = tf.greater(size, tf.mul(tf.minimum(denominator, 1), LARGEST_HALF));
  const quotient = tf.div(size, tf.where(ends, tf.scalar(1), denominator));
  const unsigned = tf.where(ends, tf.scalar(LARGEST_HALF), quotient);
  return tf.where(tf.equal(size, 0), tf.scalar(0), tf.mul(unsigned, tf.sign(numerator)));
}

/** numerator / denominator, and 0 where the denominator is 0. */
export function quotientNoNan(numerator: tf.Tensor, denominator: tf.Tensor): tf.Tensor {
  if (!hasHalfFloats()) return tf.divNoNan(numerator, denominator);
  const size = tf.mul(halfFloatQuotient(numerator, tf.abs(denominator)), tf.sign(denominator));
  return tf.where(tf.equal(denominator, 0), tf.scalar(0), size);
}
