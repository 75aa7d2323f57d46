/** L4 in TypeScript, bit for bit the formulas of native/rules/l4.h. */
import * as tf from '@tensorflow/tfjs-core';
import { divideNoNan, penalizedGradient, ratio } from './formula.js';
import {
  biasCorrection,
  decayOf,
  movingAverage,
  movingSquareAverage,
  portableAverage,
  portableSquareAverage,
} from './moments.js';
import {
  defineRule,
  type DecideInput,
  type Decision,
  type Group,
  type PortableDecision,
  type PortableStep,
  type PortableTensor,
} from './rule.js';
import { quotientNoNan } from './number-range.js';
import { innerProducts, overSquaredNormNoNan, scaledNorm } from './scaled-norm.js';

const { fround } = Math;

type L4MomSettings = {
  /** alpha */
  readonly fraction: number;
  /** gamma */
  readonly minLossFactor: number;
  /** gamma_0: of the first loss, as the first minLoss. */
  readonly initFactor: number;
  /** tau */
  readonly minLossForgetTime: number;
  /** Added to <v, m>. */
  readonly epsilon: number;
  /** 1 / (1 - beta1) */
  readonly gradientTimeScale: number;
};

type L4AdamSettings = L4MomSettings & {
  /** 1 / (1 - beta2) */
  readonly varianceTimeScale: number;
  /** Added to the root of the averaged squares. */
  readonly adamEpsilon: number;
};

type L4GroupSettings = {
  /** lambda */
  readonly weightDecay: number;
};

const MIN_LOSS = 0;

/** 1 / (1 - beta^t) of the averaged gradient. */
function gradientCorrection({ gradientTimeScale }: L4MomSettings, stepNumber: number): number {
  return biasCorrection(1 / gradientTimeScale, stepNumber);
}

function newMinLoss(minLoss: number, forgetTime: number): number {
  return minLoss * (1 + 1 / forgetTime);
}

const settingNames = [
  'fraction',
  'minLossFactor',
  'initFactor',
  'minLossForgetTime',
  'epsilon',
  'gradientTimeScale',
] as const;

/** What both forms share. */
const stepSize = {
  groupSettings: ['weightDecay'],
  scalars: ['minLoss'],
  sums: 3,
  usesLoss: true,
  smallestLoss: () => 0,
  usesStepNumber: true,

  sumFactor(settings: L4MomSettings, group: Group<L4GroupSettings>, sum: number): number {
    if (sum === 2) return group.settings.weightDecay / 2;
    const correction = gradientCorrection(settings, group.stepNumber);
    return correction * correction;
  },

  decide(
    step: DecideInput<L4MomSettings, L4GroupSettings>,
    sums: readonly number[],
    scalars: Float64Array,
  ): Decision {
    const { fraction, minLossFactor, initFactor, minLossForgetTime, epsilon } = step.settings;
    const loss = step.loss + sums[2]!;
    let minLoss = scalars[MIN_LOSS]!;
    if (step.stepNumber === 1) minLoss = initFactor * loss;
    else if (loss < minLoss) minLoss = loss;
    const size = ratio(fraction * (loss - minLossFactor * minLoss), sums[1]! + epsilon);
    scalars[MIN_LOSS] = newMinLoss(minLoss, minLossForgetTime);
    return { stepSize: size, unclippedStepSize: size, clipped: false };
  },
} as const;

/** The direction of one tensor in tfjs ops. */
interface PortableDirection {
  /** The new averages. */
  readonly state: readonly tf.Tensor[];
  /** v, bias corrected. */
  readonly direction: tf.Tensor;
  /** m, bias corrected. */
  readonly average: tf.Tensor;
}

/**
 * The step along the directions of all tensors; `quotient` divides by their inner product with the
 * averaged gradients.
 */
function portableForm(
  step: PortableStep<L4MomSettings, L4GroupSettings>,
  directionOf: (tensor: PortableTensor, decayedGradient: tf.Tensor) => PortableDirection,
  innerProduct: (directions: readonly PortableDirection[]) => {
    readonly sums: readonly tf.Tensor[];
    readonly quotient: (numerator: tf.Tensor, epsilon: number) => tf.Tensor;
  },
): PortableDecision {
  const { settings, groups, tensors } = step;
  const { fraction, minLossFactor, initFactor, minLossForgetTime, epsilon } = settings;
  const decayOfGroup = (group: number) => groups[group]!.settings.weightDecay;
  const penalty = innerProducts(
    tensors.map(({ parameter, group }) => [parameter, tf.mul(parameter, decayOfGroup(group) / 2)]),
  );
  const directions = new Map(
    tensors.map((tensor) => {
      const { parameter, gradient, group } = tensor;
      const decayed = tf.add(gradient, tf.mul(parameter, decayOfGroup(group)));
      return [tensor, directionOf(tensor, decayed)];
    }),
  );
  const { sums, quotient } = innerProduct([...directions.values()]);
  const loss = tf.add(step.loss, penalty);
  const minLoss =
    step.stepNumber === 1 ? tf.mul(loss, initFactor) : tf.minimum(loss, step.scalars[MIN_LOSS]!);
  const size = quotient(tf.mul(tf.sub(loss, tf.mul(minLoss, minLossFactor)), fraction), epsilon);
  return {
    stepSize: size,
    unclippedStepSize: size,
    clipped: tf.scalar(false, 'bool'),
    sums: [penalty, ...sums],
    scalars: [tf.mul(minLoss, newMinLoss(1, minLossForgetTime))],
    update(tensor) {
      const { state, direction } = directions.get(tensor)!;
      return { parameter: tf.sub(tensor.parameter, tf.mul(direction, size)), state };
    },
  };
}

type L4MomMeasuring = {
  readonly gradientDecay: number;
  readonly gradientWeight: number;
  readonly weightDecay: number;
};

type L4MomCoefficients = L4MomMeasuring & { readonly stepSize: number };

function l4MomMeasuring(
  { gradientTimeScale }: L4MomSettings,
  { settings: { weightDecay } }: Group<L4GroupSettings>,
): L4MomMeasuring {
  const weight = 1 / gradientTimeScale;
  return { gradientDecay: decayOf(weight), gradientWeight: fround(weight), weightDecay };
}

function l4MomAverage(
  { gradientDecay, gradientWeight, weightDecay }: L4MomMeasuring,
  gradient: number,
  parameter: number,
  average: number,
): number {
  const decayed = penalizedGradient(weightDecay, gradient, parameter);
  return movingAverage(gradientDecay, gradientWeight, average, decayed);
}

/** m = beta m + (1 - beta) (g + lambda w);  v = m / (1 - beta^t);  w = w - eta v */
export const l4Mom = defineRule<
  L4MomSettings,
  L4GroupSettings,
  L4MomMeasuring,
  L4MomCoefficients,
  Decision
>({
  ...stepSize,
  name: 'l4mom',
  settings: settingNames,
  state: ['gradientAverage'],

  prepare: l4MomMeasuring,

  measure(measuring, gradient, parameter, state, i, terms) {
    const average = l4MomAverage(measuring, gradient[i]!, parameter[i]!, state[0]![i]!);
    terms[0] = average * average;
    terms[1] = parameter[i]! * parameter[i]!;
  },

  coefficients: (settings, group, decision) => ({
    ...l4MomMeasuring(settings, group),
    stepSize: fround(decision.stepSize * gradientCorrection(settings, group.stepNumber)),
  }),

  update(coefficients, gradient, parameter, state) {
    const averages = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const average = l4MomAverage(coefficients, gradient[i]!, parameter[i]!, averages[i]!);
      averages[i] = average;
      parameter[i] = parameter[i]! - fround(coefficients.stepSize * average);
    }
  },

  portable: (step) =>
    portableForm(
      step,
      ({ state, group }, decayed) => {
        const { settings, groups } = step;
        const { gradientDecay, gradientWeight } = l4MomMeasuring(settings, groups[group]!);
        const average = portableAverage(gradientDecay, gradientWeight, state[0]!, decayed);
        const correction = gradientCorrection(settings, groups[group]!.stepNumber);
        const direction = tf.mul(average, correction);
        return { state: [average], direction, average: direction };
      },
      (directions) => {
        const norm = scaledNorm(directions.map(({ direction }) => direction));
        return {
          sums: [norm.scaledSquares],
          quotient: (numerator, epsilon) => overSquaredNormNoNan(numerator, norm, epsilon),
        };
      },
    ),
});

type L4AdamMeasuring = L4MomMeasuring & {
  readonly squareDecay: number;
  readonly squareWeight: number;
  readonly rootFactor: number;
  readonly adamEpsilon: number;
};

type L4AdamCoefficients = L4AdamMeasuring & { readonly stepSize: number };

function l4AdamMeasuring(settings: L4AdamSettings, group: Group<L4GroupSettings>): L4AdamMeasuring {
  const weight = 1 / settings.varianceTimeScale;
  return {
    ...l4MomMeasuring(settings, group),
    squareDecay: decayOf(weight),
    squareWeight: fround(weight),
    rootFactor: fround(Math.sqrt(biasCorrection(weight, group.stepNumber))),
    adamEpsilon: settings.adamEpsilon,
  };
}

/** v without the bias correction of m, from the new averages. */
function l4AdamDirection(
  { rootFactor, adamEpsilon }: L4AdamMeasuring,
  average: number,
  squareAverage: number,
): number {
  const root = fround(Math.sqrt(squareAverage));
  return divideNoNan(average, fround(fround(root * rootFactor) + adamEpsilon));
}

function l4AdamSquareAverage(
  { squareDecay, squareWeight, weightDecay }: L4AdamMeasuring,
  gradient: number,
  parameter: number,
  squareAverage: number,
): number {
  const decayed = penalizedGradient(weightDecay, gradient, parameter);
  return movingSquareAverage(squareDecay, squareWeight, squareAverage, decayed);
}

/**
 * m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2, g with lambda w;
 * v = m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + adamEpsilon);  w = w - eta v
 */
export const l4Adam = defineRule<
  L4AdamSettings,
  L4GroupSettings,
  L4AdamMeasuring,
  L4AdamCoefficients,
  Decision
>({
  ...stepSize,
  name: 'l4adam',
  settings: [...settingNames, 'varianceTimeScale', 'adamEpsilon'],
  state: ['gradientAverage', 'squareAverage'],

  prepare: l4AdamMeasuring,

  measure(measuring, gradient, parameter, state, i, terms) {
    const [g, w] = [gradient[i]!, parameter[i]!];
    const average = l4MomAverage(measuring, g, w, state[0]![i]!);
    const squareAverage = l4AdamSquareAverage(measuring, g, w, state[1]![i]!);
    terms[0] = l4AdamDirection(measuring, average, squareAverage) * average;
    terms[1] = w * w;
  },

  coefficients: (settings, group, decision) => ({
    ...l4AdamMeasuring(settings, group),
    stepSize: fround(decision.stepSize * gradientCorrection(settings, group.stepNumber)),
  }),

  update(coefficients, gradient, parameter, state) {
    const [averages, squareAverages] = state as [Float32Array, Float32Array];
    for (let i = 0; i < parameter.length; i++) {
      const [g, w] = [gradient[i]!, parameter[i]!];
      const average = l4MomAverage(coefficients, g, w, averages[i]!);
      const squareAverage = l4AdamSquareAverage(coefficients, g, w, squareAverages[i]!);
      averages[i] = average;
      squareAverages[i] = squareAverage;
      const direction = l4AdamDirection(coefficients, average, squareAverage);
      parameter[i] = w - fround(coefficients.stepSize * direction);
    }
  },

  portable: (step) =>
    portableForm(
      step,
      ({ state, group }, decayed) => {
        const { stepNumber } = step.groups[group]!;
        const measuring = l4AdamMeasuring(step.settings, step.groups[group]!);
        const { gradientDecay, gradientWeight, squareDecay, squareWeight } = measuring;
        const average = portableAverage(gradientDecay, gradientWeight, state[0]!, decayed);
        const squares = portableSquareAverage(squareDecay, squareWeight, state[1]!, decayed);
        const root = tf.mul(tf.sqrt(squares), measuring.rootFactor);
        const corrected = tf.mul(average, gradientCorrection(step.settings, stepNumber));
        return {
          state: [average, squares],
          direction: tf.divNoNan(corrected, tf.add(root, measuring.adamEpsilon)),
          average: corrected,
        };
      },
      (directions) => {
        const product = innerProducts(
          directions.map(({ direction, average }) => [direction, average]),
        );
        return {
          sums: [product],
          quotient: (numerator, epsilon) => quotientNoNan(numerator, tf.add(product, epsilon)),
        };
      },
    ),
});
