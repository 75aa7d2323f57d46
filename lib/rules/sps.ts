/** SPS in TypeScript, bit for bit the formulas of native/rules/sps.h. */
import * as tf from '@tensorflow/tfjs-core';
import {
  defineRule,
  type Decision,
  type NoNumbers,
  type PortableDecision,
  type PortableStep,
  type RuleOf,
} from './rule.js';
import { largestNumber } from './number-range.js';
import { overSquaredNorm } from './scaled-norm.js';

const { fround } = Math;

type PolyakSettings = {
  readonly c: number;
  readonly epsilon: number;
};

type SpsSettings = PolyakSettings & {
  /** f*, the smallest value that this step's loss can have. */
  readonly optimalValue: number;
  /** gamma_b; Infinity: none. */
  readonly maxStepSize: number;
};

type SpsSmoothSettings = PolyakSettings & {
  /** tau^(1 / n), which the caller computes: it takes a root. */
  readonly growth: number;
  /** gamma_0 */
  readonly initialStepSize: number;
};

type Coefficients = { readonly stepSize: number };

/** Gradients of a smaller norm make no step. */
const SMALLEST_NORM = 1e-8;

const PREVIOUS_STEP_SIZE = 0;

const standingStill: Decision = { stepSize: 0, unclippedStepSize: 0, clipped: false };

function standsStill(squaredGradientNorm: number): boolean {
  return Math.sqrt(squaredGradientNorm) < SMALLEST_NORM;
}

function polyakStepSize(
  { c, epsilon }: PolyakSettings,
  excess: number,
  squaredGradientNorm: number,
): number {
  return excess / (c * squaredGradientNorm + epsilon);
}

/** The Polyak step size in tfjs ops; 0 where the step stands still. */
function portablePolyakStepSize(
  { settings: { c, epsilon }, gradientNorm }: PortableStep<PolyakSettings, NoNumbers>,
  excess: tf.Tensor,
) {
  const { largest, scaledSquares } = gradientNorm;
  const stands = tf.less(gradientNorm.norm, SMALLEST_NORM);
  const stepSize = overSquaredNorm(
    excess,
    { largest, scaledSquares: tf.mul(scaledSquares, c) },
    epsilon,
  );
  return { stands, unclipped: tf.where(stands, tf.scalar(0), stepSize) };
}

function portableUpdate(stepSize: tf.Tensor): PortableDecision['update'] {
  return ({ parameter, gradient }) => ({
    parameter: tf.sub(parameter, tf.mul(gradient, stepSize)),
    state: [],
  });
}

const shared = {
  groupSettings: [],
  state: [],
  sums: 1,
  usesLoss: true,
  usesStepNumber: false,

  coefficients: (_settings, _group, decision) => ({ stepSize: fround(decision.stepSize) }),

  /** w = w - gamma g */
  update({ stepSize }, gradient, parameter) {
    for (let i = 0; i < parameter.length; i++) {
      parameter[i] = parameter[i]! - fround(stepSize * gradient[i]!);
    }
  },
} satisfies Partial<RuleOf<PolyakSettings, NoNumbers, never, Coefficients>>;

/** SPS_max: gamma = min((l - f*) / (c |g|^2 + epsilon), gamma_b), 0 where l < f* */
export const sps = defineRule<SpsSettings, NoNumbers, never, Coefficients, Decision>({
  ...shared,
  name: 'sps',
  settings: ['c', 'epsilon', 'optimalValue', 'maxStepSize'],
  scalars: [],
  smallestLoss: ({ optimalValue }) => optimalValue,

  decide({ settings, loss }, [squaredGradientNorm]) {
    if (standsStill(squaredGradientNorm!)) return standingStill;
    const excess = loss - settings.optimalValue;
    const unclippedStepSize = polyakStepSize(settings, excess, squaredGradientNorm!);
    const bounded =
      unclippedStepSize > settings.maxStepSize ? settings.maxStepSize : unclippedStepSize;
    const stepSize = excess < 0 ? 0 : bounded;
    return { stepSize, unclippedStepSize, clipped: stepSize !== unclippedStepSize };
  },

  portable(step) {
    const { optimalValue, maxStepSize } = step.settings;
    const { unclipped } = portablePolyakStepSize(step, tf.sub(step.loss, optimalValue));
    const positive = tf.maximum(unclipped, 0);
    const stepSize = maxStepSize >= largestNumber() ? positive : tf.minimum(positive, maxStepSize);
    return {
      stepSize,
      unclippedStepSize: unclipped,
      clipped: tf.notEqual(stepSize, unclipped),
      update: portableUpdate(stepSize),
    };
  },
});

/**
 * gamma_t = min(l / (c |g|^2 + epsilon), tau^(1 / n) gamma_(t - 1)), n batches an epoch. A step of 0
 * is not remembered: no later one could be larger, as happens in the published code.
 */
export const spsSmooth = defineRule<SpsSmoothSettings, NoNumbers, never, Coefficients, Decision>({
  ...shared,
  name: 'sps-smooth',
  settings: ['c', 'epsilon', 'growth', 'initialStepSize'],
  scalars: ['previousStepSize'],
  smallestLoss: () => 0,

  decide({ settings, loss, stepNumber }, [squaredGradientNorm], scalars) {
    if (stepNumber === 1) scalars[PREVIOUS_STEP_SIZE] = settings.initialStepSize;
    if (standsStill(squaredGradientNorm!)) return standingStill;
    const unclippedStepSize = polyakStepSize(settings, loss, squaredGradientNorm!);
    const maximal = settings.growth * scalars[PREVIOUS_STEP_SIZE]!;
    const clipped = unclippedStepSize > maximal;
    const stepSize = clipped ? maximal : unclippedStepSize;
    if (stepSize > 0) scalars[PREVIOUS_STEP_SIZE] = stepSize;
    return { stepSize, unclippedStepSize, clipped };
  },

  portable(step) {
    const { growth, initialStepSize } = step.settings;
    const previous =
      step.stepNumber === 1 ? tf.scalar(initialStepSize) : step.scalars[PREVIOUS_STEP_SIZE]!;
    const { unclipped } = portablePolyakStepSize(step, step.loss);
    const stepSize = tf.minimum(unclipped, tf.mul(previous, growth));
    return {
      stepSize,
      unclippedStepSize: unclipped,
      clipped: tf.less(stepSize, unclipped),
      scalars: [tf.where(tf.greater(stepSize, 0), stepSize, previous)],
      update: portableUpdate(stepSize),
    };
  },
});
