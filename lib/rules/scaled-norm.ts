/** Norms in float32 tfjs ops, for the portable forms of the rules. */
import * as tf from '@tensorflow/tfjs-core';
import { halfFloatQuotient, hasHalfFloats } from './number-range.js';

/** A Euclidean norm as m * sqrt(scaledSquares); m is 0 where all elements are. */
export interface ScaledNorm {
  /** m: the largest magnitude of all elements, with half floats times a constant. */
  readonly largest: tf.Tensor;
  readonly scaledSquares: tf.Tensor;
  readonly norm: tf.Tensor;
}

/**
 * The norm of all tensors together. Squares are taken after division by the largest magnitude, so
 * that no finite element overflows float32 (its square would beyond 1.8e19).
 *
 * Half floats end at 65504, which is also the most elements whose scaled squares can be added up: there
 * the mean of each tensor is taken, and m is n^(1/4) times as large, n all elements. What is left lies
 * between n^(-1/2) and n^(1/2).
 */
export function scaledNorm(tensors: readonly tf.Tensor[]): ScaledNorm {
  const filled = tensors.filter((tensor) => tensor.size > 0);
  if (filled.length === 0) {
    return { largest: tf.scalar(0), scaledSquares: tf.scalar(0), norm: tf.scalar(0) };
  }
  const largest = tf.max(tf.stack(filled.map((tensor) => tf.max(tf.abs(tensor)))));
  const divisor = positiveOr1(largest);
  if (hasHalfFloats()) {
    const root = Math.sqrt(filled.reduce((count, { size }) => count + size, 0));
    const parts = filled.map((tensor) =>
      tf.mul(tf.mean(tf.square(tf.div(tensor, divisor))), tensor.size / root),
    );
    return normOf(tf.mul(largest, Math.sqrt(root)), tf.addN(parts));
  }
  const scaledSquares = tf.addN(filled.map((tensor) => tf.sum(tf.square(tf.div(tensor, divisor)))));
  return normOf(largest, scaledSquares);
}

function normOf(largest: tf.Tensor, scaledSquares: tf.Tensor): ScaledNorm {
  return { largest, scaledSquares, norm: tf.mul(largest, tf.sqrt(scaledSquares)) };
}

/** Whether all elements were finite: an infinite or NaN one makes its scaled square NaN. */
export function finiteNorm({ largest, scaledSquares }: ScaledNorm): tf.Tensor {
  return tf.logicalAnd(tf.isFinite(largest), tf.isFinite(scaledSquares));
}

/** A divisor: 1 in place of 0. */
export function positiveOr1(value: tf.Tensor): tf.Tensor {
  return tf.where(tf.greater(value, 0), value, tf.scalar(1));
}

/**
 * numerator / (norm^2 + epsilon), without a square that could overflow. With half floats it stops at
 * {@link largestNumber}: a loss of 1 over a gradient of 1e-3 would be beyond it.
 */
export function overSquaredNorm(
  numerator: tf.Tensor,
  norm: Pick<ScaledNorm, 'largest' | 'scaledSquares'>,
  epsilon: number,
): tf.Tensor {
  const m = positiveOr1(norm.largest);
  if (hasHalfFloats()) {
    const n = tf.mul(norm.largest, tf.sqrt(norm.scaledSquares));
    const isLarge = tf.greaterEqual(n, 1);
    const divisor = tf.where(isLarge, n, tf.scalar(1));
    const byLarge = tf.div(tf.div(numerator, divisor), tf.add(divisor, tf.div(epsilon, divisor)));
    const bySmall = halfFloatQuotient(numerator, tf.add(tf.square(n), epsilon));
    return tf.where(isLarge, byLarge, bySmall);
  }
  const large = tf.div(
    tf.div(numerator, m),
    tf.add(tf.mul(m, norm.scaledSquares), tf.div(epsilon, m)),
  );
  const denominator = tf.add(tf.mul(m, tf.mul(m, norm.scaledSquares)), epsilon);
  return tf.where(tf.greaterEqual(m, 1), large, tf.div(numerator, denominator));
}

/** {@link overSquaredNorm}, and 0 where all that would divide is 0. */
export function overSquaredNormNoNan(
  numerator: tf.Tensor,
  norm: Pick<ScaledNorm, 'largest' | 'scaledSquares'>,
  epsilon: number,
): tf.Tensor {
  const quotient = overSquaredNorm(numerator, norm, epsilon);
  if (epsilon !== 0) return quotient;
  return tf.where(tf.equal(norm.scaledSquares, 0), tf.scalar(0), quotient);
}

/** The sum over all pairs of their inner products. */
export function innerProducts(pairs: readonly (readonly [tf.Tensor, tf.Tensor])[]): tf.Tensor {
  const filled = pairs.filter(([{ size }]) => size > 0);
  if (filled.length === 0) return tf.scalar(0);
  return tf.addN(filled.map(([a, b]) => tf.sum(tf.mul(a, b))));
}
