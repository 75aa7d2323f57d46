import { flagOption, numberOption } from '../options/option.js';
import {
  averageOption,
  averageWeight,
  epsilonOption,
  finite,
  notNegative,
} from '../options/shared.js';
import { momo, momoAdam } from '../rules/momo.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Momo}; defaults are those of the published code.
 *
 * @interface
 */
export type MomoOptions = OptionsOf<typeof Momo>;

/**
 * Options of {@link MomoAdam}; defaults are those of the published code.
 *
 * @interface
 */
export type MomoAdamOptions = OptionsOf<typeof MomoAdam>;

// The step size and the factor of weight decay are those of the whole step: no group has its own.
const learningRateOption = (standard: number) =>
  numberOption(notNegative, {
    default: standard,
    meaning: 'learning rate',
    symbol: 'alpha',
    changes: true,
  });

/** What both forms have. */
const modelOptions = {
  /** Lower bound of the loss (f*), or where its estimate starts and does not go below. Default: 0. */
  lowerBound: numberOption(finite, {
    default: 0,
    meaning: 'smallest loss that can be reached',
    symbol: 'f*',
    changes: true,
  }),
  /** Whether the lower bound is estimated in the course of the steps (f*_k). Default: false. */
  estimateLowerBound: flagOption({
    default: false,
    meaning: 'raise the lower bound as losses tell',
    symbol: 'f*_k',
    label: 'estimated lower bound',
  }),
  /** Weight decay (lambda), at least 0. Default: 0. */
  weightDecay: numberOption(notNegative, {
    default: 0,
    meaning: 'weight decay',
    symbol: 'lambda',
    changes: true,
  }),
};

/**
 * The MoMo optimiser ("MoMo: Momentum Models for Adaptive Learning Rates", Schaipp, Ohana,
 * Eickenberg, Defazio and Gower, ICML 2024): SGD with momentum whose step size is that of a model of
 * the loss from averaged losses and gradients, cut off at a lower bound, and bounded by the learning
 * rate. Where the averaged gradient is 0 the step size is 0. `lastStep.stepSize` is the factor of
 * the averaged gradient (tau), `unclippedStepSize` what it is before the learning rate bounds it.
 */
export class Momo extends optimizerOf({
  name: 'momo',
  className: 'Momo',
  title: 'MoMo',
  source: 'Schaipp et al.',
  formula: 'min(eta, model of the averaged losses over |d|^2) d, d the averaged gradient',
  rules: [momo],
  options: {
    /** Learning rate (alpha), at least 0: the bound of the step size. Default: 1. */
    learningRate: learningRateOption(1),
    ...modelOptions,
    /** Decay rate of the averages (beta), 0 <= beta < 1. Default: 0.9. */
    beta: averageOption(0.9, 'decay rate of the averages', 'beta'),
    /**
     * Whether the averages start at 0, which is corrected for (rho_k = 1 - beta^k), and not at the
     * first loss and gradient. Default: false.
     */
    biasCorrection: flagOption({
      default: false,
      meaning: 'correct the averages for their start at 0',
      symbol: 'rho_k',
    }),
  },
  configure: ({ beta }) => ({ rule: momo, settings: { averageWeight: averageWeight(beta) } }),
}) {}

/** MoMo on Adam: as {@link Momo}, along the direction of Adam and in its norm. */
export class MomoAdam extends optimizerOf({
  name: 'momoadam',
  className: 'MomoAdam',
  title: 'MoMo-Adam',
  source: 'Schaipp et al.',
  formula: 'the same in the norm of Adam',
  rules: [momoAdam],
  options: {
    /** Learning rate (alpha), at least 0: the bound of the step size. Default: 1e-2. */
    learningRate: learningRateOption(1e-2),
    ...modelOptions,
    /** Decay rate of the averages (beta1), 0 <= beta1 < 1. Default: 0.9. */
    beta1: averageOption(0.9, 'decay rate of the average of gradients', 'beta1'),
    /** Decay rate of the averaged squares (beta2), 0 <= beta2 < 1. Default: 0.999. */
    beta2: averageOption(0.999, 'decay rate of the average of squares', 'beta2'),
    /** Added to the root of the averaged squares, at least 0. Default: 1e-8. */
    epsilon: epsilonOption(1e-8, 'added to the root of the averaged squares'),
    /**
     * Whether weight decay is part of the proximal problem, w / (1 + alpha lambda) after the step, or
     * decoupled, (1 - alpha lambda) w before it. Default: true.
     */
    proximalWeightDecay: flagOption({
      default: true,
      meaning: 'let weight decay be part of the proximal problem',
    }),
  },
  configure: ({ beta1, beta2 }) => ({
    rule: momoAdam,
    settings: { averageWeight: averageWeight(beta1), secondMomentWeight: averageWeight(beta2) },
  }),
}) {}

register(Momo);
register(MomoAdam);
