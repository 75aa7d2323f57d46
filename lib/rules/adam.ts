/** Adam and AMSGrad in TypeScript, bit for bit the formulas of native/rules/adam.h. */
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
import {
  decayOf,
  movingAverage,
  portableAverage,
  portableSquareAverage,
  squareAverage,
  sumOfWeights,
} from './moments.js';
import { defineRule, type Group, type Rule } from './rule.js';

const { fround } = Math;

/** Hyper-parameters of all groups together. */
type AdamSettings = ClippingSettings & {
  /** 1 or 0. */
  readonly epsilonBeforeBiasCorrection: number;
  /** 1 or 0. */
  readonly decoupledWeightDecay: number;
};

/** Hyper-parameters that a group may have of its own. */
type AdamGroupSettings = LearningRateSettings & {
  /** 1 - beta1; native/rules/moments.h says why it is not beta1. */
  readonly firstMomentWeight: number;
  /** 1 - beta2 */
  readonly secondMomentWeight: number;
  readonly epsilon: number;
};

/** What the elements' formulas need of a group. */
export type AdamCoefficients = {
  readonly gradientScale: number;
  /** 0 where it is decoupled. */
  readonly weightDecay: number;
  /** 1 where weight decay is not decoupled. */
  readonly parameterScale: number;
  readonly beta1: number;
  readonly firstMomentWeight: number;
  readonly beta2: number;
  readonly secondMomentWeight: number;
  readonly stepSize: number;
  readonly rootFactor: number;
  readonly epsilon: number;
};

/** A rule of Adam's family: what differs is the second moment, and whether its maximum is kept. */
export interface AdamForm {
  readonly name: string;
  /** Whether the largest second moment so far scales the step. */
  readonly keepsMaximum: boolean;
  /** The new second moment of one element, not yet as it is stored. */
  readonly secondMoment: (
    coefficients: AdamCoefficients,
    gradient: number,
    moment: number,
  ) => number;
  readonly portableSecondMoment: (
    coefficients: AdamCoefficients,
    gradient: tf.Tensor,
    moment: tf.Tensor,
  ) => tf.Tensor;
}

function adamCoefficients(
  settings: AdamSettings,
  group: Group<AdamGroupSettings>,
  gradientScale: number,
): AdamCoefficients {
  const { firstMomentWeight, secondMomentWeight, epsilon } = group.settings;
  const { learningRate, weightDecay } = group.settings;
  const stepSize = learningRate / sumOfWeights(firstMomentWeight, group.stepNumber);
  const rootCorrection = Math.sqrt(sumOfWeights(secondMomentWeight, group.stepNumber));
  const before = settings.epsilonBeforeBiasCorrection !== 0;
  const decoupled = settings.decoupledWeightDecay !== 0;
  const shrinkage = decoupled ? learningRate * weightDecay : 0;
  return {
    gradientScale: fround(gradientScale),
    weightDecay: decoupled ? 0 : weightDecay,
    parameterScale: fround(1 - shrinkage),
    beta1: decayOf(firstMomentWeight),
    firstMomentWeight,
    beta2: decayOf(secondMomentWeight),
    secondMomentWeight,
    stepSize: fround(before ? stepSize * rootCorrection : stepSize),
    rootFactor: fround(before ? 1 : 1 / rootCorrection),
    epsilon,
  };
}

/**
 * g = g + lambda w, or decoupled w = (1 - eta lambda) w;  m = beta1 m + (1 - beta1) g;  v = the
 * form's;  w = w - eta / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon), or with epsilon
 * before the bias correction w = w - eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)
 */
export function defineAdam({
  name,
  keepsMaximum,
  secondMoment,
  portableSecondMoment,
}: AdamForm): Rule {
  return defineRule<AdamSettings, AdamGroupSettings, never, AdamCoefficients, ClippingDecision>({
    ...givenLearningRate,
    name,
    settings: ['epsilonBeforeBiasCorrection', 'decoupledWeightDecay', 'maxGradientNorm'],
    groupSettings: [
      'learningRate',
      'weightDecay',
      'firstMomentWeight',
      'secondMomentWeight',
      'epsilon',
    ],
    state: ['firstMoment', 'secondMoment', ...(keepsMaximum ? ['maxSecondMoment'] : [])],
    usesStepNumber: true,

    coefficients: (settings, group, { gradientScale }) =>
      adamCoefficients(settings, group, gradientScale),

    update(coefficients, gradient, parameter, state) {
      const { parameterScale, beta1, firstMomentWeight, stepSize, rootFactor, epsilon } =
        coefficients;
      const [first, second, maximum] = state as [Float32Array, Float32Array, Float32Array];
      for (let i = 0; i < parameter.length; i++) {
        const decayed = decayedGradient(coefficients, gradient[i]!, parameter[i]!);
        const m = movingAverage(beta1, firstMomentWeight, first[i]!, decayed);
        first[i] = m;
        const next = secondMoment(coefficients, decayed, second[i]!);
        let v = storedState(next);
        second[i] = v;
        if (keepsMaximum) {
          v = storedState(next > maximum[i]! ? next : maximum[i]!);
          maximum[i] = v;
        }
        const root = fround(fround(fround(Math.sqrt(v)) * rootFactor) + epsilon);
        parameter[i] =
          fround(parameterScale * parameter[i]!) - divideNoNan(fround(stepSize * m), root);
      }
    },

    portable(step) {
      const { decayed, ...decision } = portableGradients(step);
      const coefficients = step.groups.map((group) => adamCoefficients(step.settings, group, 1));
      return {
        ...decision,
        update(tensor) {
          const own = coefficients[tensor.group]!;
          const [first, second, maximum] = tensor.state as [tf.Tensor, tf.Tensor, tf.Tensor];
          const gradient = decayed(tensor, own.weightDecay);
          const m = portableAverage(own.beta1, own.firstMomentWeight, first, gradient);
          const v = portableSecondMoment(own, gradient, second);
          const state = [m, v, ...(keepsMaximum ? [tf.maximum(v, maximum)] : [])];
          const root = tf.add(tf.mul(tf.sqrt(state.at(-1)!), own.rootFactor), own.epsilon);
          const change = tf.divNoNan(tf.mul(m, own.stepSize), root);
          const parameter = tf.sub(tf.mul(tensor.parameter, own.parameterScale), change);
          return { parameter, state };
        },
      };
    },
  });
}

/** v = beta2 v + (1 - beta2) g^2 */
const averagedSquares: Pick<AdamForm, 'secondMoment' | 'portableSecondMoment'> = {
  secondMoment: ({ beta2, secondMomentWeight }, gradient, moment) =>
    squareAverage(beta2, secondMomentWeight, moment, gradient),
  portableSecondMoment: ({ beta2, secondMomentWeight }, gradient, moment) =>
    portableSquareAverage(beta2, secondMomentWeight, moment, gradient),
};

export const adam = defineAdam({ ...averagedSquares, name: 'adam', keepsMaximum: false });

export const amsGrad = defineAdam({ ...averagedSquares, name: 'amsgrad', keepsMaximum: true });
