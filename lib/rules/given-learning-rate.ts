/**
 * What the rules share whose step size is a given learning rate, bit for bit the formulas of
 * native/rules/given_learning_rate.h.
 */
import * as tf from '@tensorflow/tfjs-core';
import { penalizedGradient } from './formula.js';
import {
  meanOverGroups,
  type DecideInput,
  type Decision,
  type PortableDecision,
  type PortableStep,
  type PortableTensor,
} from './rule.js';

const { fround } = Math;

/** Hyper-parameters of all groups together that each such rule has. */
export type ClippingSettings = {
  /** c; Infinity: none. */
  readonly maxGradientNorm: number;
};

/** Hyper-parameters that a group may have of its own. */
export type LearningRateSettings = {
  /** eta */
  readonly learningRate: number;
  /** lambda */
  readonly weightDecay: number;
};

/** What is decided: by how much the gradients are scaled, 1 where they are not clipped. */
export interface ClippingDecision extends Decision {
  readonly gradientScale: number;
}

/** Coefficients of {@link decayedGradient}. */
export interface GradientCoefficients {
  readonly gradientScale: number;
  readonly weightDecay: number;
}

/** The gradient as it is used: clipped, then with the penalty's (lambda / 2) |w|^2. */
export function decayedGradient(
  { gradientScale, weightDecay }: GradientCoefficients,
  gradient: number,
  parameter: number,
): number {
  return penalizedGradient(weightDecay, fround(gradient * gradientScale), parameter);
}

/** The parts of such a rule that do not depend on its formula. */
export const givenLearningRate = {
  scalars: [],
  sums: 1,
  usesLoss: false,

  /** c / max(|g|, c), as TensorFlow's clip_by_global_norm has it; the header names the other form. */
  decide(
    { settings, groups }: DecideInput<ClippingSettings, LearningRateSettings>,
    sums: readonly number[],
  ): ClippingDecision {
    const norm = Math.sqrt(sums[0]!);
    const { maxGradientNorm } = settings;
    const clipped = norm > maxGradientNorm;
    const rate = meanOverGroups(groups, ({ learningRate }) => learningRate);
    return {
      stepSize: rate,
      unclippedStepSize: rate,
      clipped,
      gradientScale: clipped ? maxGradientNorm / norm : 1,
    };
  },
} as const;

/** The decision in tfjs ops, and {@link decayedGradient}. */
export function portableGradients(step: PortableStep<ClippingSettings, LearningRateSettings>): Omit<
  PortableDecision,
  'update'
> & {
  readonly decayed: (tensor: PortableTensor, weightDecay: number) => tf.Tensor;
} {
  const { settings, groups, gradientNorm } = step;
  const { maxGradientNorm } = settings;
  const rate = tf.scalar(meanOverGroups(groups, ({ learningRate }) => learningRate));
  const report = { stepSize: rate, unclippedStepSize: rate };
  const withDecay = (gradient: tf.Tensor, { parameter }: PortableTensor, weightDecay: number) =>
    weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(parameter, weightDecay));
  if (maxGradientNorm === Infinity) {
    return {
      ...report,
      clipped: tf.scalar(false, 'bool'),
      decayed: (tensor, weightDecay) => withDecay(tensor.gradient, tensor, weightDecay),
    };
  }
  const { largest, scaledSquares, norm } = gradientNorm;
  const clipped = tf.greater(norm, maxGradientNorm);
  // The norm itself may overflow float32.
  const factor = tf.div(tf.div(maxGradientNorm, largest), tf.sqrt(scaledSquares));
  const scale = tf.where(clipped, factor, tf.scalar(1));
  return {
    ...report,
    clipped,
    decayed: (tensor, weightDecay) =>
      withDecay(tf.mul(tensor.gradient, scale), tensor, weightDecay),
  };
}
