/**
 * The root of a second moment with epsilon, as AdaGrad and RMSProp divide by it; bit for bit
 * native/rules/root.h.
 */
import * as tf from '@tensorflow/tfjs-core';

const { fround } = Math;

/** sqrt(v) + epsilon or sqrt(v + epsilon): one of the two is 0. */
export type RootEpsilons = {
  readonly insideEpsilon: number;
  readonly outsideEpsilon: number;
};

export function rootWithEpsilon(
  value: number,
  { insideEpsilon, outsideEpsilon }: RootEpsilons,
): number {
  return fround(fround(Math.sqrt(fround(value + insideEpsilon))) + outsideEpsilon);
}

/** {@link rootWithEpsilon} in tfjs ops. */
export function portableRoot(
  value: tf.Tensor,
  { insideEpsilon, outsideEpsilon }: RootEpsilons,
): tf.Tensor {
  if (insideEpsilon !== 0) return tf.sqrt(tf.add(value, insideEpsilon));
  return tf.add(tf.sqrt(value), outsideEpsilon);
}
