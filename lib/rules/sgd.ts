/** Stochastic gradient descent in TypeScript, bit for bit the formulas of native/rules/sgd.h. */
import * as tf from '@tensorflow/tfjs-core';
import { storedState } from './formula.js';
import {
  decayedGradient,
  givenLearningRate,
  portableGradients,
  type ClippingDecision,
  type ClippingSettings,
  type LearningRateSettings,
} from './given-learning-rate.js';
import { defineRule, type Group } from './rule.js';

const { fround } = Math;

type Coefficients = {
  readonly gradientScale: number;
  readonly weightDecay: number;
  readonly learningRate: number;
};

/** g = g + lambda w;  w = w - eta g */
export const sgd = defineRule<
  ClippingSettings,
  LearningRateSettings,
  never,
  Coefficients,
  ClippingDecision
>({
  ...givenLearningRate,
  name: 'sgd',
  settings: ['maxGradientNorm'],
  groupSettings: ['learningRate', 'weightDecay'],
  state: [],
  usesStepNumber: false,

  coefficients: (_, { settings }, { gradientScale }) => ({
    gradientScale: fround(gradientScale),
    weightDecay: settings.weightDecay,
    learningRate: settings.learningRate,
  }),

  update(coefficients, gradient, parameter) {
    const { learningRate } = coefficients;
    for (let i = 0; i < parameter.length; i++) {
      const decayed = decayedGradient(coefficients, gradient[i]!, parameter[i]!);
      parameter[i] = parameter[i]! - fround(learningRate * decayed);
    }
  },

  portable(step) {
    const { decayed, ...decision } = portableGradients(step);
    return {
      ...decision,
      update(tensor) {
        const { learningRate, weightDecay } = step.groups[tensor.group]!.settings;
        const change = tf.mul(decayed(tensor, weightDecay), learningRate);
        return { parameter: tf.sub(tensor.parameter, change), state: [] };
      },
    };
  },
});

/** Hyper-parameters that a group may have of its own. */
type SgdMomentumGroupSettings = LearningRateSettings & {
  /** mu */
  readonly momentum: number;
  readonly dampening: number;
  /** 1: Nesterov's momentum, 0: the heavy ball. */
  readonly nesterov: number;
};

type MomentumCoefficients = Coefficients & {
  readonly momentum: number;
  /** Of the gradient in the buffer. */
  readonly newShare: number;
  /** Of the gradient in the step. */
  readonly gradientShare: number;
  /** Of the buffer in the step. */
  readonly bufferShare: number;
};

function momentumCoefficients(
  { settings, stepNumber }: Group<SgdMomentumGroupSettings>,
  gradientScale: number,
): MomentumCoefficients {
  const { momentum, dampening, nesterov } = settings;
  return {
    gradientScale: fround(gradientScale),
    weightDecay: settings.weightDecay,
    learningRate: settings.learningRate,
    momentum,
    newShare: stepNumber === 1 ? 1 : fround(1 - dampening),
    gradientShare: nesterov ? 1 : 0,
    bufferShare: nesterov ? momentum : 1,
  };
}

/**
 * g = g + lambda w;  b = mu b + (1 - dampening) g, at first b = g;  w = w - eta b, with Nesterov's
 * momentum w = w - eta (g + mu b)
 */
export const sgdMomentum = defineRule<
  ClippingSettings,
  SgdMomentumGroupSettings,
  never,
  MomentumCoefficients,
  ClippingDecision
>({
  ...givenLearningRate,
  name: 'sgd-momentum',
  settings: ['maxGradientNorm'],
  groupSettings: ['learningRate', 'weightDecay', 'momentum', 'dampening', 'nesterov'],
  state: ['momentumBuffer'],
  usesStepNumber: true,

  coefficients: (_, group, { gradientScale }) => momentumCoefficients(group, gradientScale),

  update(coefficients, gradient, parameter, state) {
    const { learningRate, momentum, newShare, gradientShare, bufferShare } = coefficients;
    const buffer = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const decayed = decayedGradient(coefficients, gradient[i]!, parameter[i]!);
      const next = storedState(fround(fround(momentum * buffer[i]!) + fround(newShare * decayed)));
      buffer[i] = next;
      const direction = fround(fround(gradientShare * decayed) + fround(bufferShare * next));
      parameter[i] = parameter[i]! - fround(learningRate * direction);
    }
  },

  portable(step) {
    const { decayed, ...decision } = portableGradients(step);
    const coefficients = step.groups.map((group) => momentumCoefficients(group, 1));
    return {
      ...decision,
      update(tensor) {
        const { learningRate, weightDecay, momentum, newShare, gradientShare, bufferShare } =
          coefficients[tensor.group]!;
        const gradient = decayed(tensor, weightDecay);
        const buffer = tf.add(tf.mul(tensor.state[0]!, momentum), tf.mul(gradient, newShare));
        const direction =
          gradientShare === 0 ? buffer : tf.add(gradient, tf.mul(buffer, bufferShare));
        const parameter = tf.sub(tensor.parameter, tf.mul(direction, learningRate));
        return { parameter, state: [buffer] };
      },
    };
  },
});
