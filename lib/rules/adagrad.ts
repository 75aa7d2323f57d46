/** AdaGrad in TypeScript, bit for bit the formulas of native/rules/adagrad.h. */
import * as tf from '@tensorflow/tfjs-core';
import { divideNoNan, storedState } from './formula.js';
import {
  decayedGradient,
  givenLearningRate,
  portableGradients,
  type ClippingDecision,
  type ClippingSettings,
  type LearningRateSettings,
} from './given-learning-rate.js';
import { portableRoot, rootWithEpsilon, type RootEpsilons } from './root.js';
import { defineRule, type Group } from './rule.js';

const { fround } = Math;

/** Hyper-parameters that a group may have of its own. */
type AdaGradGroupSettings = LearningRateSettings &
  RootEpsilons & {
    readonly learningRateDecay: number;
  };

type Coefficients = RootEpsilons & {
  readonly gradientScale: number;
  readonly weightDecay: number;
  readonly stepSize: number;
};

function adaGradCoefficients(
  { settings, stepNumber }: Group<AdaGradGroupSettings>,
  gradientScale: number,
): Coefficients {
  const { learningRateDecay, insideEpsilon, outsideEpsilon } = settings;
  return {
    gradientScale: fround(gradientScale),
    weightDecay: settings.weightDecay,
    stepSize: fround(settings.learningRate / (1 + (stepNumber - 1) * learningRateDecay)),
    insideEpsilon,
    outsideEpsilon,
  };
}

/**
 * g = g + lambda w;  v = v + g^2;  w = w - eta / (1 + (t - 1) decay) g / (sqrt(v) + epsilon), or
 * with epsilon inside the root
 */
export const adaGrad = defineRule<
  ClippingSettings,
  AdaGradGroupSettings,
  never,
  Coefficients,
  ClippingDecision
>({
  ...givenLearningRate,
  name: 'adagrad',
  settings: ['maxGradientNorm'],
  groupSettings: [
    'learningRate',
    'weightDecay',
    'learningRateDecay',
    'insideEpsilon',
    'outsideEpsilon',
  ],
  state: ['accumulator'],
  usesStepNumber: true,

  coefficients: (_, group, { gradientScale }) => adaGradCoefficients(group, gradientScale),

  update(coefficients, gradient, parameter, state) {
    const { stepSize } = coefficients;
    const accumulator = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const decayed = decayedGradient(coefficients, gradient[i]!, parameter[i]!);
      const v = storedState(fround(accumulator[i]! + fround(decayed * decayed)));
      accumulator[i] = v;
      parameter[i] =
        parameter[i]! - divideNoNan(fround(stepSize * decayed), rootWithEpsilon(v, coefficients));
    }
  },

  portable(step) {
    const { decayed, ...decision } = portableGradients(step);
    const coefficients = step.groups.map((group) => adaGradCoefficients(group, 1));
    return {
      ...decision,
      update(tensor) {
        const own = coefficients[tensor.group]!;
        const gradient = decayed(tensor, own.weightDecay);
        const accumulator = tf.add(tensor.state[0]!, tf.square(gradient));
        const root = portableRoot(accumulator, own);
        const change = tf.divNoNan(tf.mul(gradient, own.stepSize), root);
        return { parameter: tf.sub(tensor.parameter, change), state: [accumulator] };
      },
    };
  },
});
