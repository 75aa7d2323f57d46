/** Norms in float32 tfjs ops, for the portable forms of the rules. */
import * as tf from '@tensorflow/tfjs-core';

/** A Euclidean norm as m * sqrt(scaledSquares), m the largest magnitude of all elements. */
export interface ScaledNorm {
  readonly largest: tf.Tensor;
  readonly scaledSquares: tf.Tensor;
  readonly norm: tf.Tensor;
}

/**
 * The norm of all tensors together. Squares are taken after division by the largest magnitude, so
 * that no finite element overflows float32 (its square would beyond 1.8e19).
 */
export function scaledNorm(tensors: readonly tf.Tensor[]): ScaledNorm {
  const filled = tensors.filter((tensor) => tensor.size > 0);
  if (filled.length === 0) {
    return { largest: tf.scalar(0), scaledSquares: tf.scalar(0), norm: tf.scalar(0) };
  }
  const largest = tf.max(tf.stack(filled.map((tensor) => tf.max(tf.abs(tensor)))));
  const divisor = positiveOr1(largest);
  const scaledSquares = tf.addN(filled.map((tensor) => tf.sum(tf.square(tf.div(tensor, divisor)))));
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

/** numerator / (norm^2 + epsilon), without a square that could overflow. */
export function overSquaredNorm(
  numerator: tf.Tensor,
  norm: Pick<ScaledNorm, 'largest' | 'scaledSquares'>,
  epsilon: number,
): tf.Tensor {
  const m = positiveOr1(norm.largest);
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
