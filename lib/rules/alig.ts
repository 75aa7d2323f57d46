/** ALI-G in TypeScript, bit for bit the formulas of native/rules/alig.h. */
import * as tf from '@tensorflow/tfjs-core';
import { storedState } from './formula.js';
import {
  defineRule,
  meanOverGroups,
  type Decision,
  type PortableDecision,
  type PortableStep,
  type RuleOf,
} from './rule.js';
import { largestNumber } from './number-range.js';
import { overSquaredNorm } from './scaled-norm.js';

const { fround } = Math;

/** Hyper-parameters of all groups together. */
export type AliGSettings = {
  /** Added to the squared gradient norm. */
  readonly epsilon: number;
  /** Of the loss, 0 in the paper. */
  readonly lowerBound: number;
};

/** Hyper-parameters that a group may have of its own. */
export type AliGGroupSettings = {
  /** eta; Infinity: none (ALI-G-infinity). */
  readonly maxLearningRate: number;
  /** mu; the plain form has none. */
  readonly momentum: number;
};

type Coefficients = {
  readonly stepSize: number;
  readonly momentum: number;
  readonly stepMomentum: number;
};

type AliGRule = RuleOf<AliGSettings, AliGGroupSettings, never, Coefficients>;

function portableForm(
  { settings, groups, loss, gradientNorm }: PortableStep<AliGSettings, AliGGroupSettings>,
  update: (
    parameter: tf.Tensor,
    gradient: tf.Tensor,
    stepSize: tf.Tensor,
    velocity: tf.Tensor,
    momentum: number,
  ) => [parameter: tf.Tensor, velocity?: tf.Tensor],
): PortableDecision {
  const { epsilon, lowerBound } = settings;
  const largest = largestNumber();
  const numerator = tf.maximum(tf.sub(loss, lowerBound), 0);
  let unclipped = overSquaredNorm(numerator, gradientNorm, epsilon);
  if (epsilon === 0) {
    // A denominator of 0 (all gradients 0) moves nothing, as in decide below.
    const allZero = tf.equal(gradientNorm.largest, 0);
    const bounded = groups.every((group) => group.settings.maxLearningRate < largest);
    const undefinedStep = bounded ? tf.logicalAnd(allZero, tf.equal(numerator, 0)) : allZero;
    unclipped = tf.where(undefinedStep, tf.scalar(0), unclipped);
  }
  const stepSizes = groups.map(({ settings: { maxLearningRate } }) =>
    maxLearningRate >= largest ? unclipped : tf.minimum(unclipped, maxLearningRate),
  );
  const largestRate = Math.min(...groups.map((group) => group.settings.maxLearningRate));
  return {
    stepSize: tf.div(tf.addN(stepSizes), stepSizes.length),
    unclippedStepSize: unclipped,
    clipped:
      largestRate >= largest
        ? tf.scalar(false, 'bool')
        : tf.greater(unclipped, tf.scalar(largestRate)),
    update({ parameter, gradient, state, group }) {
      const [newParameter, velocity] = update(
        parameter,
        gradient,
        stepSizes[group]!,
        state[0]!,
        groups[group]!.settings.momentum,
      );
      return { parameter: newParameter, state: velocity ? [velocity] : [] };
    },
  };
}

function stepSizeOf(unclipped: number, { maxLearningRate }: AliGGroupSettings): number {
  return unclipped > maxLearningRate ? maxLearningRate : unclipped;
}

const stepSize = {
  settings: ['epsilon', 'lowerBound'],
  groupSettings: ['maxLearningRate', 'momentum'],
  scalars: [],
  sums: 1,
  usesLoss: true,
  smallestLoss: ({ lowerBound }) => lowerBound,
  usesStepNumber: false,

  /** The step size from the loss and the squared gradient norm (Algorithm 1, line 4). */
  decide({ settings, groups, loss }, [squaredGradientNorm]): Decision {
    const { epsilon, lowerBound } = settings;
    const numerator = Math.max(loss - lowerBound, 0);
    const denominator = squaredGradientNorm! + epsilon;
    const rates = groups.map((group) => group.settings.maxLearningRate);
    // The published code gives NaN or an infinite step here; all gradients are 0, so that no step
    // size moves anything but an old velocity.
    const undefinedStep = denominator === 0 && (numerator === 0 || rates.includes(Infinity));
    const unclippedStepSize = undefinedStep ? 0 : numerator / denominator;
    return {
      stepSize: meanOverGroups(groups, (group) => stepSizeOf(unclippedStepSize, group)),
      unclippedStepSize,
      clipped: rates.some((rate) => unclippedStepSize > rate),
    };
  },

  coefficients(_, group, { unclippedStepSize }) {
    const { momentum } = group.settings;
    const size = stepSizeOf(unclippedStepSize, group.settings);
    return { stepSize: fround(size), momentum, stepMomentum: fround(size * momentum) };
  },
} satisfies Omit<AliGRule, 'name' | 'state' | 'update' | 'portable'>;

/** w = w - gamma g */
export const aliG = defineRule<AliGSettings, AliGGroupSettings, never, Coefficients, Decision>({
  ...stepSize,
  name: 'alig',
  state: [],
  update({ stepSize: size }, gradient, parameter) {
    for (let i = 0; i < parameter.length; i++) {
      parameter[i] = parameter[i]! - fround(size * gradient[i]!);
    }
  },
  portable: (step) =>
    portableForm(step, (parameter, gradient, size) => [tf.sub(parameter, tf.mul(gradient, size))]),
});

/** v = mu v - gamma g;  w = w - gamma g + mu v */
export const aliGNesterov = defineRule<
  AliGSettings,
  AliGGroupSettings,
  never,
  Coefficients,
  Decision
>({
  ...stepSize,
  name: 'alig-nesterov',
  state: ['velocity'],
  update({ stepSize: size, momentum }, gradient, parameter, state) {
    const velocity = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const step = fround(size * gradient[i]!);
      const next = storedState(fround(fround(momentum * velocity[i]!) - step));
      velocity[i] = next;
      parameter[i] = fround(parameter[i]! - step) + fround(momentum * next);
    }
  },
  portable: (step) =>
    portableForm(step, (parameter, gradient, size, velocity, momentum) => {
      const change = tf.mul(gradient, size);
      const next = tf.sub(tf.mul(velocity, momentum), change);
      return [tf.add(tf.sub(parameter, change), tf.mul(next, momentum)), next];
    }),
});

/** The velocity averages gradients and not steps: v = mu v - g;  w = w - gamma g + gamma mu v */
export const aliGAdjusted = defineRule<
  AliGSettings,
  AliGGroupSettings,
  never,
  Coefficients,
  Decision
>({
  ...stepSize,
  name: 'alig-adjusted',
  state: ['velocity'],
  update({ stepSize: size, momentum, stepMomentum }, gradient, parameter, state) {
    const velocity = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const step = fround(size * gradient[i]!);
      const next = storedState(fround(fround(momentum * velocity[i]!) - gradient[i]!));
      velocity[i] = next;
      parameter[i] = fround(parameter[i]! - step) + fround(stepMomentum * next);
    }
  },
  portable: (step) =>
    portableForm(step, (parameter, gradient, size, velocity, momentum) => {
      const change = tf.mul(gradient, size);
      const next = tf.sub(tf.mul(velocity, momentum), gradient);
      return [tf.add(tf.sub(parameter, change), tf.mul(next, tf.mul(size, momentum))), next];
    }),
});
