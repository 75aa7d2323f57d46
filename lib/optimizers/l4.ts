import { numberOption } from '../options/option.js';
import {
  atLeastOne,
  belowOne,
  epsilonOption,
  notNegative,
  positive,
  weightDecayOption,
} from '../options/shared.js';
import { l4Adam, l4Mom } from '../rules/l4.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link L4Mom}; defaults are those of the paper.
 *
 * @interface
 */
export type L4MomOptions = OptionsOf<typeof L4Mom>;

/**
 * Options of {@link L4Adam}; defaults are those of the paper.
 *
 * @interface
 */
export type L4AdamOptions = OptionsOf<typeof L4Adam>;

const l4Options = {
  /**
   * Fraction of the way to the estimated minimum that a step takes (alpha), positive: the one
   * hyper-parameter to choose, from 0.1 to 0.3 mostly. There is no learning rate beside it.
   * Default: 0.15.
   */
  fraction: numberOption(positive, {
    default: 0.15,
    meaning: 'share of the way to the loss that each step aims at',
    symbol: 'alpha',
    changes: true,
  }),
  /** What part of the smallest loss so far is the estimated minimum (gamma), in [0, 1). Default: 0.9. */
  minLossFactor: numberOption(belowOne, {
    default: 0.9,
    meaning: 'by which the smallest loss is aimed below',
    symbol: 'gamma',
    label: 'factor of the smallest loss',
  }),
  /** What part of the first loss is the first smallest loss (gamma_0), at least 0. Default: 0.75. */
  initFactor: numberOption(notNegative, {
    default: 0.75,
    meaning: 'by which the first loss gives the smallest one',
    symbol: 'gamma_0',
    label: 'factor of the first loss',
  }),
  /**
   * Number of steps in which the smallest loss so far is forgotten (tau), positive: each step
   * multiplies it by 1 + 1 / tau. Default: 1000.
   */
  minLossForgetTime: numberOption(positive, {
    default: 1000,
    meaning: 'steps after which the smallest loss is forgotten',
    symbol: 'tau',
    label: 'forget time of the smallest loss',
  }),
  /** Added to the denominator of the step size, at least 0. Default: 1e-12. */
  epsilon: epsilonOption(1e-12, 'added to the denominator of the step size'),
  /** Factor of the penalty weightDecay / 2 |w|^2 in the loss (lambda), at least 0. Default: 0. */
  weightDecay: weightDecayOption(0),
  /** Number of steps over which gradients are averaged, 1 / (1 - beta1), at least 1. Default: 10. */
  gradientTimeScale: numberOption(atLeastOne, {
    default: 10,
    meaning: 'steps that the average of gradients spans',
    label: 'time scale of the gradients',
  }),
};

/**
 * L4 on momentum ("L4: Practical loss-based stepsize adaptation for deep learning", Rolinek and
 * Martius, NeurIPS 2018): the step along the averaged gradient that is to take the linearised loss
 * a `fraction` of the way to the minimum that it estimates from the smallest loss so far. The step
 * size is never clipped. `lastStep.stepSize` is the learning rate of the step.
 */
export class L4Mom extends optimizerOf({
  name: 'l4mom',
  className: 'L4Mom',
  title: 'L4Mom',
  source: 'Rolinek and Martius',
  formula: 'alpha (l - minLossFactor minLoss) / (|m|^2 + epsilon) along the averaged gradient m',
  rules: [l4Mom],
  options: l4Options,
  configure: () => ({ rule: l4Mom }),
}) {}

/** L4 on Adam: as {@link L4Mom}, along the direction of Adam. */
export class L4Adam extends optimizerOf({
  name: 'l4adam',
  className: 'L4Adam',
  title: 'L4Adam',
  source: 'Rolinek and Martius',
  formula: 'alpha (l - minLossFactor minLoss) / (<v, m> + epsilon) along v of Adam',
  rules: [l4Adam],
  options: {
    ...l4Options,
    /** Number of steps over which their squares are averaged, 1 / (1 - beta2), at least 1. Default: 1000. */
    varianceTimeScale: numberOption(atLeastOne, {
      default: 1000,
      meaning: 'steps that the average of squares spans',
      label: 'time scale of the squares',
    }),
    /** Added to the root of the averaged squares, at least 0. Default: 1e-4. */
    adamEpsilon: epsilonOption(1e-4, 'added to the root of the averaged squares'),
  },
  configure: () => ({ rule: l4Adam }),
}) {}

register(L4Mom);
register(L4Adam);
