/** RMSProp in TypeScript, bit for bit the formulas of native/rules/rmsprop.h. */
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
  movingSquareAverage,
  portableAverage,
  portableSquareAverage,
} from './moments.js';
import { portableRoot, rootWithEpsilon, type RootEpsilons } from './root.js';
import { defineRule, type Group, type Rule } from './rule.js';

const { fround } = Math;

/** Hyper-parameters of all groups together. */
type RmsPropSettings = ClippingSettings & {
  /** 1: b = mu b + eta g / d, 0: b = mu b + g / d. */
  readonly rateInsideMomentum: number;
};

/** Hyper-parameters that a group may have of its own. */
type RmsPropGroupSettings = LearningRateSettings &
  RootEpsilons & {
    /** 1 - rho */
    readonly averageWeight: number;
    /** mu */
    readonly momentum: number;
  };

type Coefficients = RootEpsilons & {
  readonly gradientScale: number;
  readonly weightDecay: number;
  /** rho */
  readonly averageDecay: number;
  readonly averageWeight: number;
  readonly momentum: number;
  /** Of g / d; this or the outer one is 1. */
  readonly innerRate: number;
  /** Of the buffer. */
  readonly outerRate: number;
};

/**
 * g = g + lambda w;  v = rho v + (1 - rho) g^2;  d = sqrt(v) + epsilon, or with epsilon inside the
 * root;  w = w - eta g / d
 * Centered: a = rho a + (1 - rho) g, and v - a^2 in place of v.
 * With momentum: b = mu b + g / d and w = w - eta b, or b = mu b + eta g / d and w = w - b.
 */
function defineRmsProp(centered: boolean, hasMomentum: boolean): Rule {
  function coefficientsOf(
    settings: RmsPropSettings,
    group: Group<RmsPropGroupSettings>,
    gradientScale: number,
  ): Coefficients {
    const { averageWeight, insideEpsilon, outsideEpsilon, momentum } = group.settings;
    const { learningRate, weightDecay } = group.settings;
    const inside = !hasMomentum || settings.rateInsideMomentum !== 0;
    return {
      gradientScale: fround(gradientScale),
      weightDecay,
      averageDecay: decayOf(averageWeight),
      averageWeight,
      insideEpsilon,
      outsideEpsilon,
      momentum,
      innerRate: inside ? learningRate : 1,
      outerRate: inside ? 1 : learningRate,
    };
  }

  return defineRule<RmsPropSettings, RmsPropGroupSettings, never, Coefficients, ClippingDecision>({
    ...givenLearningRate,
    name: `rmsprop${centered ? '-centered' : ''}${hasMomentum ? '-momentum' : ''}`,
    settings: ['rateInsideMomentum', 'maxGradientNorm'],
    groupSettings: [
      'learningRate',
      'weightDecay',
      'averageWeight',
      'insideEpsilon',
      'outsideEpsilon',
      'momentum',
    ],
    state: [
      'squareAverage',
      ...(centered ? ['gradientAverage'] : []),
      ...(hasMomentum ? ['momentumBuffer'] : []),
    ],
    usesStepNumber: false,

    coefficients: (settings, group, { gradientScale }) =>
      coefficientsOf(settings, group, gradientScale),

    update(coefficients, gradient, parameter, state) {
      const { averageDecay, averageWeight, momentum, innerRate, outerRate } = coefficients;
      const squareAverage = state[0]!;
      const gradientAverage = state[1]!;
      const buffer = state.at(-1)!;
      for (let i = 0; i < parameter.length; i++) {
        const decayed = decayedGradient(coefficients, gradient[i]!, parameter[i]!);
        let square = movingSquareAverage(averageDecay, averageWeight, squareAverage[i]!, decayed);
        squareAverage[i] = square;
        if (centered) {
          const average = movingAverage(averageDecay, averageWeight, gradientAverage[i]!, decayed);
          gradientAverage[i] = average;
          // Rounding can make the variance negative, where the published code gives NaN.
          square = Math.abs(fround(square - fround(average * average)));
        }
        const root = rootWithEpsilon(square, coefficients);
        let change = divideNoNan(fround(innerRate * decayed), root);
        if (hasMomentum) {
          const next = storedState(fround(fround(momentum * buffer[i]!) + change));
          buffer[i] = next;
          change = fround(outerRate * next);
        }
        parameter[i] = parameter[i]! - change;
      }
    },

    portable(step) {
      const { decayed, ...decision } = portableGradients(step);
      const coefficients = step.groups.map((group) => coefficientsOf(step.settings, group, 1));
      return {
        ...decision,
        update(tensor) {
          const own = coefficients[tensor.group]!;
          const gradient = decayed(tensor, own.weightDecay);
          const { averageDecay: decay, averageWeight: weight } = own;
          let square = portableSquareAverage(decay, weight, tensor.state[0]!, gradient);
          const state = [square];
          if (centered) {
            const average = portableAverage(decay, weight, tensor.state[1]!, gradient);
            state.push(average);
            square = tf.abs(tf.sub(square, tf.square(average)));
          }
          const root = portableRoot(square, own);
          let change: tf.Tensor = tf.divNoNan(tf.mul(gradient, own.innerRate), root);
          if (hasMomentum) {
            const buffer = tf.add(tf.mul(tensor.state.at(-1)!, own.momentum), change);
            state.push(buffer);
            change = tf.mul(buffer, own.outerRate);
          }
          return { parameter: tf.sub(tensor.parameter, change), state };
        },
      };
    },
  });
}

export const rmsProp = defineRmsProp(false, false);

export const rmsPropMomentum = defineRmsProp(false, true);

export const rmsPropCentered = defineRmsProp(true, false);

export const rmsPropCenteredMomentum = defineRmsProp(true, true);
