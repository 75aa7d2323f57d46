/** MoMo in TypeScript, bit for bit the formulas of native/rules/momo.h. */
import * as tf from '@tensorflow/tfjs-core';
import { divideNoNan, ratio } from './formula.js';
import {
  biasCorrection,
  decayOf,
  movingAverage,
  movingSquareAverage,
  portableAverage,
  portableSquareAverage,
  sumOfWeights,
} from './moments.js';
import {
  defineRule,
  type DecideInput,
  type Decision,
  type Group,
  type NoNumbers,
  type PortableDecision,
  type PortableStep,
  type PortableTensor,
} from './rule.js';
import { quotientNoNan } from './number-range.js';
import { innerProducts, overSquaredNormNoNan, scaledNorm } from './scaled-norm.js';

const { fround } = Math;

/** What both forms have. */
type MomoModelSettings = {
  /** alpha */
  readonly learningRate: number;
  /** 1 - beta */
  readonly averageWeight: number;
  /** f* */
  readonly lowerBound: number;
  /** 1 or 0. */
  readonly estimateLowerBound: number;
  /** lambda */
  readonly weightDecay: number;
};

type MomoSettings = MomoModelSettings & {
  /** 1: averages start at 0; 0: at the first gradient and loss. */
  readonly biasCorrection: number;
};

type MomoAdamSettings = MomoModelSettings & {
  /** 1 - beta2 */
  readonly secondMomentWeight: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** 1, or 0: decoupled. */
  readonly proximalWeightDecay: number;
};

const [LOSS_AVERAGE, PRODUCT_AVERAGE, LOWER_BOUND] = [0, 1, 2] as const;

/** alpha lambda */
function decayOfStep({ learningRate, weightDecay }: MomoModelSettings): number {
  return learningRate * weightDecay;
}

/** How the averages of this step are made, and what the step size is computed from. */
interface Form {
  /** The averages start at the values of this step. */
  readonly startsAtFirst: boolean;
  /** rho: the sum of the averages' weights. */
  readonly averagingCorrection: number;
}

/** The step size, the new averages and the new lower bound; `sums`: <w, d>, |d|^2, <g, w>. */
function decideMomo(
  { settings, loss, stepNumber }: DecideInput<MomoModelSettings, NoNumbers>,
  { startsAtFirst, averagingCorrection }: Form,
  sums: readonly number[],
  scalars: Float64Array,
): Decision {
  const [, gradientAtParameters, squaredNorm, product] = sums as [number, number, number, number];
  const estimates = settings.estimateLowerBound !== 0;
  const decayFactor = 1 + decayOfStep(settings);
  const decay = startsAtFirst ? 0 : 1 - settings.averageWeight;
  const added = startsAtFirst ? 1 : settings.averageWeight;
  const lossAverage = decay * scalars[LOSS_AVERAGE]! + added * loss;
  const productAverage = decay * scalars[PRODUCT_AVERAGE]! + added * product;
  let lowerBound = stepNumber === 1 || !estimates ? settings.lowerBound : scalars[LOWER_BOUND]!;
  if (estimates) {
    // Where the bound lies above the model the step would be 0 for ever.
    const cap = decayFactor * lossAverage + gradientAtParameters - decayFactor * productAverage;
    if (cap < decayFactor * averagingCorrection * lowerBound) {
      const lowered = cap / (2 * decayFactor * averagingCorrection);
      lowerBound = lowered > settings.lowerBound ? lowered : settings.lowerBound;
    }
  }
  const excess =
    decayFactor * (lossAverage - averagingCorrection * lowerBound) +
    gradientAtParameters -
    decayFactor * productAverage;
  const unclippedStepSize = ratio(excess > 0 ? excess : 0, squaredNorm);
  const maximal = settings.learningRate / averagingCorrection;
  const clipped = unclippedStepSize > maximal;
  const stepSize = clipped ? maximal : unclippedStepSize;
  if (estimates) {
    const estimate =
      (lossAverage + gradientAtParameters - productAverage - (stepSize * squaredNorm) / 2) /
      averagingCorrection;
    lowerBound = estimate > settings.lowerBound ? estimate : settings.lowerBound;
  }
  scalars[LOSS_AVERAGE] = lossAverage;
  scalars[PRODUCT_AVERAGE] = productAverage;
  scalars[LOWER_BOUND] = lowerBound;
  return { stepSize, unclippedStepSize, clipped };
}

/** The factors by which weight decay shrinks parameters, before and after they are moved. */
interface WeightDecay {
  readonly decoupledDecay: number;
  readonly parameterScale: number;
}

function proximalDecay(settings: MomoModelSettings): WeightDecay {
  return { decoupledDecay: 1, parameterScale: 1 / (1 + decayOfStep(settings)) };
}

/** The new averages of one tensor in tfjs ops, and the direction that it moves in. */
interface PortableAverages {
  readonly tensor: PortableTensor;
  readonly average: tf.Tensor;
  /** d, or d / D. */
  readonly direction: tf.Tensor;
  readonly state: readonly tf.Tensor[];
}

/**
 * {@link decideMomo} in tfjs ops. `over` divides by |d|^2 in the norm of the form, `norm` is that
 * squared norm.
 */
function portableForm(
  step: PortableStep<MomoModelSettings, NoNumbers>,
  { startsAtFirst, averagingCorrection }: Form,
  averages: readonly PortableAverages[],
  norm: {
    readonly squared: tf.Tensor;
    readonly finite: tf.Tensor;
    readonly over: (numerator: tf.Tensor) => tf.Tensor;
  },
  { decoupledDecay, parameterScale }: WeightDecay,
): PortableDecision {
  const { settings, stepNumber, scalars, loss } = step;
  const decayFactor = 1 + decayOfStep(settings);
  const estimates = settings.estimateLowerBound !== 0;
  const averaged = (old: tf.Tensor, value: tf.Tensor) =>
    startsAtFirst
      ? value
      : portableAverage(1 - settings.averageWeight, settings.averageWeight, old, value);
  const product = innerProducts(averages.map(({ tensor }) => [tensor.gradient, tensor.parameter]));
  const gradientAtParameters = innerProducts(
    averages.map(({ tensor, average }) => [tensor.parameter, average]),
  );
  const lossAverage = averaged(scalars[LOSS_AVERAGE]!, loss);
  const productAverage = averaged(scalars[PRODUCT_AVERAGE]!, product);
  const given = tf.scalar(settings.lowerBound);
  let lowerBound = stepNumber === 1 || !estimates ? given : scalars[LOWER_BOUND]!;
  const cap = tf.add(
    tf.mul(tf.sub(lossAverage, productAverage), decayFactor),
    gradientAtParameters,
  );
  if (estimates) {
    const scale = decayFactor * averagingCorrection;
    lowerBound = tf.where(
      tf.less(cap, tf.mul(lowerBound, scale)),
      tf.maximum(tf.div(cap, 2 * scale), given),
      lowerBound,
    );
  }
  const excess = tf.sub(cap, tf.mul(lowerBound, decayFactor * averagingCorrection));
  const unclippedStepSize = norm.over(tf.maximum(excess, 0));
  const maximal = settings.learningRate / averagingCorrection;
  const stepSize = tf.minimum(unclippedStepSize, maximal);
  if (estimates) {
    const decrease = tf.mul(tf.mul(stepSize, norm.squared), 0.5);
    const model = tf.add(tf.sub(lossAverage, productAverage), gradientAtParameters);
    lowerBound = tf.maximum(tf.div(tf.sub(model, decrease), averagingCorrection), given);
  }
  const byTensor = new Map(averages.map((each) => [each.tensor, each]));
  return {
    stepSize,
    unclippedStepSize,
    clipped: tf.less(stepSize, unclippedStepSize),
    sums: [product, gradientAtParameters, norm.finite],
    scalars: [lossAverage, productAverage, lowerBound],
    update(tensor) {
      const { direction, state } = byTensor.get(tensor)!;
      const moved = tf.sub(tf.mul(tensor.parameter, decoupledDecay), tf.mul(direction, stepSize));
      return { parameter: tf.mul(moved, parameterScale), state };
    },
  };
}

const shared = {
  groupSettings: [],
  scalars: ['lossAverage', 'productAverage', 'lowerBound'],
  sums: 4,
  usesLoss: true,
  smallestLoss: ({ lowerBound }: MomoModelSettings) => lowerBound,
  usesStepNumber: true,
  sumFactor: () => 1,
} as const;

type MomoMeasuring = { readonly decay: number; readonly weight: number };

type MomoCoefficients = MomoMeasuring & {
  readonly stepSize: number;
  readonly parameterScale: number;
};

function momoMeasuring(settings: MomoSettings, { stepNumber }: Group<NoNumbers>): MomoMeasuring {
  if (settings.biasCorrection === 0 && stepNumber === 1) return { decay: 0, weight: 1 };
  return { decay: decayOf(settings.averageWeight), weight: settings.averageWeight };
}

function momoForm({
  settings,
  stepNumber,
}: Pick<DecideInput<MomoSettings, NoNumbers>, 'settings' | 'stepNumber'>): Form {
  const corrected = settings.biasCorrection !== 0;
  return {
    startsAtFirst: !corrected && stepNumber === 1,
    averagingCorrection: corrected ? sumOfWeights(settings.averageWeight, stepNumber) : 1,
  };
}

/** d = beta d + (1 - beta) g;  w = (w - tau d) / (1 + alpha lambda) */
export const momo = defineRule<MomoSettings, NoNumbers, MomoMeasuring, MomoCoefficients, Decision>({
  ...shared,
  name: 'momo',
  settings: [
    'learningRate',
    'averageWeight',
    'lowerBound',
    'biasCorrection',
    'estimateLowerBound',
    'weightDecay',
  ],
  state: ['gradientAverage'],

  prepare: momoMeasuring,

  measure({ decay, weight }, gradient, parameter, state, i, terms) {
    const [g, w] = [gradient[i]!, parameter[i]!];
    const average = movingAverage(decay, weight, state[0]![i]!, g);
    terms[0] = w * average;
    terms[1] = average * average;
    terms[2] = g * w;
  },

  decide: (step, sums, scalars) => decideMomo(step, momoForm(step), sums, scalars),

  coefficients: (settings, group, { stepSize }) => ({
    ...momoMeasuring(settings, group),
    stepSize: fround(stepSize),
    parameterScale: fround(proximalDecay(settings).parameterScale),
  }),

  update({ decay, weight, stepSize, parameterScale }, gradient, parameter, state) {
    const averages = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const average = movingAverage(decay, weight, averages[i]!, gradient[i]!);
      averages[i] = average;
      parameter[i] = fround(parameter[i]! - fround(stepSize * average)) * parameterScale;
    }
  },

  portable(step) {
    const averages = step.tensors.map((tensor): PortableAverages => {
      const { decay, weight } = momoMeasuring(step.settings, step.groups[tensor.group]!);
      const average = portableAverage(decay, weight, tensor.state[0]!, tensor.gradient);
      return { tensor, average, direction: average, state: [average] };
    });
    const norm = scaledNorm(averages.map(({ average }) => average));
    return portableForm(
      step,
      momoForm(step),
      averages,
      {
        squared: tf.square(norm.norm),
        finite: norm.scaledSquares,
        over: (numerator) => overSquaredNormNoNan(numerator, norm, 0),
      },
      proximalDecay(step.settings),
    );
  },
});

type MomoAdamMeasuring = {
  readonly decay: number;
  readonly weight: number;
  readonly squareDecay: number;
  readonly squareWeight: number;
  readonly rootFactor: number;
  readonly epsilon: number;
};

type MomoAdamCoefficients = MomoAdamMeasuring & {
  readonly stepSize: number;
  readonly decoupledDecay: number;
  readonly parameterScale: number;
};

function momoAdamMeasuring(
  { averageWeight, secondMomentWeight, epsilon }: MomoAdamSettings,
  { stepNumber }: Group<NoNumbers>,
): MomoAdamMeasuring {
  return {
    decay: decayOf(averageWeight),
    weight: averageWeight,
    squareDecay: decayOf(secondMomentWeight),
    squareWeight: secondMomentWeight,
    rootFactor: fround(Math.sqrt(biasCorrection(secondMomentWeight, stepNumber))),
    epsilon,
  };
}

function momoAdamDecay(settings: MomoAdamSettings): WeightDecay {
  return settings.proximalWeightDecay !== 0
    ? proximalDecay(settings)
    : { decoupledDecay: 1 - decayOfStep(settings), parameterScale: 1 };
}

function momoAdamForm({
  settings,
  stepNumber,
}: Pick<DecideInput<MomoAdamSettings, NoNumbers>, 'settings' | 'stepNumber'>): Form {
  return {
    startsAtFirst: false,
    averagingCorrection: sumOfWeights(settings.averageWeight, stepNumber),
  };
}

/** d / D from the new averages. */
function momoAdamDirection(
  { rootFactor, epsilon }: MomoAdamMeasuring,
  average: number,
  secondMoment: number,
): number {
  const root = fround(Math.sqrt(secondMoment));
  return divideNoNan(average, fround(fround(root * rootFactor) + epsilon));
}

/**
 * d = beta1 d + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  D = sqrt(v / (1 - beta2^t)) +
 * epsilon;  w = (w - tau d / D) / (1 + alpha lambda), or decoupled w = (1 - alpha lambda) w -
 * tau d / D
 */
export const momoAdam = defineRule<
  MomoAdamSettings,
  NoNumbers,
  MomoAdamMeasuring,
  MomoAdamCoefficients,
  Decision
>({
  ...shared,
  name: 'momoadam',
  settings: [
    'learningRate',
    'averageWeight',
    'secondMomentWeight',
    'epsilon',
    'lowerBound',
    'estimateLowerBound',
    'weightDecay',
    'proximalWeightDecay',
  ],
  state: ['gradientAverage', 'secondMoment'],

  prepare: momoAdamMeasuring,

  measure(measuring, gradient, parameter, state, i, terms) {
    const { decay, weight, squareDecay, squareWeight } = measuring;
    const [g, w] = [gradient[i]!, parameter[i]!];
    const average = movingAverage(decay, weight, state[0]![i]!, g);
    const secondMoment = movingSquareAverage(squareDecay, squareWeight, state[1]![i]!, g);
    terms[0] = w * average;
    terms[1] = average * momoAdamDirection(measuring, average, secondMoment);
    terms[2] = g * w;
  },

  decide: (step, sums, scalars) => decideMomo(step, momoAdamForm(step), sums, scalars),

  coefficients(settings, group, { stepSize }) {
    const { decoupledDecay, parameterScale } = momoAdamDecay(settings);
    return {
      ...momoAdamMeasuring(settings, group),
      stepSize: fround(stepSize),
      decoupledDecay: fround(decoupledDecay),
      parameterScale: fround(parameterScale),
    };
  },

  update(coefficients, gradient, parameter, state) {
    const { decay, weight, squareDecay, squareWeight } = coefficients;
    const { stepSize, decoupledDecay, parameterScale } = coefficients;
    const [averages, secondMoments] = state as [Float32Array, Float32Array];
    for (let i = 0; i < parameter.length; i++) {
      const g = gradient[i]!;
      const average = movingAverage(decay, weight, averages[i]!, g);
      const secondMoment = movingSquareAverage(squareDecay, squareWeight, secondMoments[i]!, g);
      averages[i] = average;
      secondMoments[i] = secondMoment;
      const step = fround(stepSize * momoAdamDirection(coefficients, average, secondMoment));
      parameter[i] = fround(fround(decoupledDecay * parameter[i]!) - step) * parameterScale;
    }
  },

  portable(step) {
    const averages = step.tensors.map((tensor): PortableAverages => {
      const measuring = momoAdamMeasuring(step.settings, step.groups[tensor.group]!);
      const { decay, weight, squareDecay, squareWeight } = measuring;
      const { gradient, state } = tensor;
      const average = portableAverage(decay, weight, state[0]!, gradient);
      const moment = portableSquareAverage(squareDecay, squareWeight, state[1]!, gradient);
      const root = tf.mul(tf.sqrt(moment), measuring.rootFactor);
      const direction = tf.divNoNan(average, tf.add(root, measuring.epsilon));
      return { tensor, average, direction, state: [average, moment] };
    });
    const squared = innerProducts(averages.map(({ average, direction }) => [average, direction]));
    return portableForm(
      step,
      momoAdamForm(step),
      averages,
      { squared, finite: squared, over: (numerator) => quotientNoNan(numerator, squared) },
      momoAdamDecay(step.settings),
    );
  },
});
