/** Deep Frank-Wolfe in TypeScript, bit for bit the formulas of native/rules/dfw.h. */
import * as tf from '@tensorflow/tfjs-core';
import { ratio, storedState } from './formula.js';
import {
  defineRule,
  type Decision,
  type PortableDecision,
  type PortableStep,
  type RuleOf,
} from './rule.js';
import { innerProducts, overSquaredNormNoNan, positiveOr1 } from './scaled-norm.js';

const { fround } = Math;

/** Hyper-parameters of all groups together. */
type DfwSettings = {
  /** Added to the denominator of gamma. */
  readonly epsilon: number;
};

/** Hyper-parameters that a group may have of its own. */
type DfwGroupSettings = {
  /** eta */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** mu; the plain form has none. */
  readonly momentum: number;
};

type Coefficients = {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly stepSize: number;
  readonly momentum: number;
  readonly velocityStep: number;
};

type DfwRule = RuleOf<DfwSettings, DfwGroupSettings, number, Coefficients>;

/** Of both forms: the one without momentum has no state. */
function portableForm({
  settings,
  groups,
  loss,
  gradientNorm: { largest },
  tensors,
}: PortableStep<DfwSettings, DfwGroupSettings>): PortableDecision {
  const scale = positiveOr1(largest);
  const weighted = tensors.map(({ parameter, gradient, group }) => {
    const { learningRate, weightDecay } = groups[group]!.settings;
    const scaled = tf.div(gradient, scale);
    const weightedGradient = tf.mul(scaled, learningRate);
    return { scaled, weightedGradient, decay: tf.mul(parameter, weightDecay) };
  });
  const scaledSquares = innerProducts(
    weighted.map(({ scaled, weightedGradient }) => [scaled, weightedGradient]),
  );
  const decrease = innerProducts(
    weighted.map(({ weightedGradient, decay }) => [weightedGradient, decay]),
  );
  const unclippedStepSize = overSquaredNormNoNan(
    tf.sub(loss, tf.mul(decrease, scale)),
    { largest, scaledSquares },
    settings.epsilon,
  );
  const stepSize = tf.clipByValue(unclippedStepSize, 0, 1);
  return {
    stepSize,
    unclippedStepSize,
    clipped: tf.notEqual(stepSize, unclippedStepSize),
    sums: [scaledSquares, decrease],
    update({ parameter, gradient, state, group }) {
      const { learningRate, weightDecay, momentum } = groups[group]!.settings;
      const decay = tf.mul(parameter, weightDecay);
      const direction = tf.add(decay, tf.mul(gradient, stepSize));
      const next = tf.sub(parameter, tf.mul(direction, learningRate));
      if (state.length === 0) return { parameter: next, state: [] };
      const velocityStep = tf.mul(tf.add(gradient, decay), tf.mul(stepSize, learningRate));
      const velocity = tf.sub(tf.mul(state[0]!, momentum), velocityStep);
      return { parameter: tf.add(next, tf.mul(velocity, momentum)), state: [velocity] };
    },
  };
}

const stepSize = {
  settings: ['epsilon'],
  groupSettings: ['learningRate', 'weightDecay', 'momentum'],
  scalars: [],
  sums: 3,
  usesLoss: true,
  smallestLoss: () => 0,
  usesStepNumber: false,

  prepare: (_, { settings }) => settings.weightDecay,
  sumFactor: (_, { settings }) => settings.learningRate,

  measure(weightDecay, gradient, parameter, _, i, terms) {
    const g = gradient[i]!;
    terms[0] = g * fround(weightDecay * parameter[i]!);
    terms[1] = g * g;
  },

  decide({ settings, loss }, sums) {
    const unclippedStepSize = ratio(loss - sums[1]!, sums[2]! + settings.epsilon);
    const clippedSize = unclippedStepSize < 0 ? 0 : unclippedStepSize > 1 ? 1 : unclippedStepSize;
    return {
      stepSize: clippedSize,
      unclippedStepSize,
      clipped: clippedSize !== unclippedStepSize,
    };
  },

  coefficients(_, { settings: { learningRate, weightDecay, momentum } }, decision) {
    return {
      learningRate,
      weightDecay,
      stepSize: fround(decision.stepSize),
      momentum,
      velocityStep: fround(learningRate * decision.stepSize),
    };
  },
} satisfies Omit<DfwRule, 'name' | 'state' | 'update' | 'portable'>;

/** w = w - eta (r + gamma g) */
export const dfw = defineRule<DfwSettings, DfwGroupSettings, number, Coefficients, Decision>({
  ...stepSize,
  name: 'dfw',
  state: [],
  update({ learningRate, weightDecay, stepSize: size }, gradient, parameter) {
    for (let i = 0; i < parameter.length; i++) {
      const decay = fround(weightDecay * parameter[i]!);
      const direction = fround(decay + fround(size * gradient[i]!));
      parameter[i] = parameter[i]! - fround(learningRate * direction);
    }
  },
  portable: portableForm,
});

/** z = mu z - eta gamma (g + r);  w = w - eta (r + gamma g) + mu z */
export const dfwMomentum = defineRule<
  DfwSettings,
  DfwGroupSettings,
  number,
  Coefficients,
  Decision
>({
  ...stepSize,
  name: 'dfw-momentum',
  state: ['velocity'],
  update(coefficients, gradient, parameter, state) {
    const { learningRate, weightDecay, stepSize: size, momentum, velocityStep } = coefficients;
    const velocity = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const decay = fround(weightDecay * parameter[i]!);
      const direction = fround(decay + fround(size * gradient[i]!));
      const step = fround(velocityStep * fround(gradient[i]! + decay));
      const next = storedState(fround(fround(momentum * velocity[i]!) - step));
      velocity[i] = next;
      parameter[i] =
        fround(parameter[i]! - fround(learningRate * direction)) + fround(momentum * next);
    }
  },
  portable: portableForm,
});
