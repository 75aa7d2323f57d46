/** Exponential moving averages, bit for bit native/rules/moments.h. */
import * as tf from '@tensorflow/tfjs-core';
import { integerPower, storedState } from './formula.js';

const { fround } = Math;

/** The decay that belongs to a weight, as float32. */
export function decayOf(weight: number): number {
  return fround(1 - weight);
}

/** 1 - beta^t: what t values weigh in all in an average that started at 0. */
export function sumOfWeights(weight: number, stepNumber: number): number {
  return 1 - integerPower(1 - weight, stepNumber);
}

/** What such an average is multiplied by for the weights to add up to 1. */
export function biasCorrection(weight: number, stepNumber: number): number {
  return 1 / sumOfWeights(weight, stepNumber);
}

/** decay average + weight value */
export function movingAverage(
  decay: number,
  weight: number,
  average: number,
  value: number,
): number {
  return storedState(fround(fround(decay * average) + fround(weight * value)));
}

/** decay average + weight value^2, not yet as it is stored */
export function squareAverage(
  decay: number,
  weight: number,
  average: number,
  value: number,
): number {
  return fround(fround(decay * average) + fround(fround(weight * value) * value));
}

/** {@link squareAverage} as it is stored. */
export function movingSquareAverage(
  decay: number,
  weight: number,
  average: number,
  value: number,
): number {
  return storedState(squareAverage(decay, weight, average, value));
}

/** {@link movingAverage} in tfjs ops. */
export function portableAverage(
  decay: number,
  weight: number,
  average: tf.Tensor,
  value: tf.Tensor,
): tf.Tensor {
  return tf.add(tf.mul(average, decay), tf.mul(value, weight));
}

/** {@link movingSquareAverage} in tfjs ops. */
export function portableSquareAverage(
  decay: number,
  weight: number,
  average: tf.Tensor,
  value: tf.Tensor,
): tf.Tensor {
  return tf.add(tf.mul(average, decay), tf.mul(tf.mul(value, weight), value));
}
