/** The truncated method of APROX in TypeScript, bit for bit the formulas of native/rules/aprox.h. */
import * as tf from '@tensorflow/tfjs-core';
import { defineRule, meanOverGroups, type Decision } from './rule.js';
import { largestNumber } from './number-range.js';
import { overSquaredNorm } from './scaled-norm.js';

const { fround } = Math;

type AproxSettings = {
  /** t^-power, which the caller computes: it takes a power. */
  readonly rateFactor: number;
};

type AproxGroupSettings = {
  /** alpha */
  readonly learningRate: number;
};

type Coefficients = { readonly stepSize: number };

function stepSizeOf(
  { rateFactor }: AproxSettings,
  { learningRate }: AproxGroupSettings,
  unclipped: number,
): number {
  const rate = learningRate * rateFactor;
  return unclipped > rate ? rate : unclipped;
}

/** w = w - min(l / |g|^2, alpha_t) g */
export const aprox = defineRule<AproxSettings, AproxGroupSettings, never, Coefficients, Decision>({
  name: 'aprox',
  settings: ['rateFactor'],
  groupSettings: ['learningRate'],
  state: [],
  scalars: [],
  sums: 1,
  usesLoss: true,
  smallestLoss: () => 0,
  usesStepNumber: false,

  decide({ settings, groups, loss }, [squaredGradientNorm]) {
    const unclippedStepSize = squaredGradientNorm === 0 ? Infinity : loss / squaredGradientNorm!;
    const sizeOf = (group: AproxGroupSettings) => stepSizeOf(settings, group, unclippedStepSize);
    return {
      stepSize: meanOverGroups(groups, sizeOf),
      unclippedStepSize,
      clipped: groups.some((group) => sizeOf(group.settings) < unclippedStepSize),
    };
  },

  coefficients: (settings, group, { unclippedStepSize }) => ({
    stepSize: fround(stepSizeOf(settings, group.settings, unclippedStepSize)),
  }),

  update({ stepSize }, gradient, parameter) {
    for (let i = 0; i < parameter.length; i++) {
      parameter[i] = parameter[i]! - fround(stepSize * gradient[i]!);
    }
  },

  portable({ settings, groups, loss, gradientNorm }) {
    const unclippedStepSize = tf.where(
      tf.equal(gradientNorm.largest, 0),
      tf.scalar(largestNumber()),
      overSquaredNorm(loss, gradientNorm, 0),
    );
    const stepSizes = groups.map((group) =>
      tf.minimum(unclippedStepSize, group.settings.learningRate * settings.rateFactor),
    );
    const smallest = stepSizes.reduce((a, b) => tf.minimum(a, b));
    return {
      stepSize: tf.div(tf.addN(stepSizes), stepSizes.length),
      unclippedStepSize,
      clipped: tf.less(smallest, unclippedStepSize),
      update: ({ parameter, gradient, group }) => ({
        parameter: tf.sub(parameter, tf.mul(gradient, stepSizes[group]!)),
        state: [],
      }),
    };
  },
});
