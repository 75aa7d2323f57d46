/** Steps of ALI-G of their own, over parameters of one group. */
import {
  completeValues,
  flagOption,
  float32Values,
  numberOption,
  type GivenValues,
} from '../options/option.js';
import {
  epsilonOption,
  finite,
  maxLearningRateOption,
  maxGradientValueOption,
  maxNormOption,
  momentumOption,
} from '../options/shared.js';
import { aliG, aliGAdjusted, aliGNesterov } from '../rules/alig.js';
import type { Rule } from '../rules/rule.js';
import { stepOfOneGroup, type RuleStep } from '../rules/rule-step.js';

/** Which form of the rule is asked for: without momentum there is no velocity. */
export function aliGRule(momentum: number, adjustedMomentum: boolean): Rule {
  if (momentum === 0) return aliG;
  return adjustedMomentum ? aliGAdjusted : aliGNesterov;
}

export const aliGStepOptions = {
  /** Maximal learning rate (eta in the paper): at least 0, or null for none. Default: null. */
  maxLearningRate: maxLearningRateOption(null),
  /** Nesterov momentum (mu), 0 <= momentum < 1. Default: 0. */
  momentum: momentumOption(0, "Nesterov's momentum"),
  /** Added to the squared gradient norm (delta), at least 0. Default: 1e-5. */
  epsilon: epsilonOption(1e-5, 'added to the squared gradient norm', 'delta'),
  /** Lower bound of the loss, taken off before the division. Default: 0. */
  lowerBound: numberOption(finite, { default: 0, meaning: 'smallest loss that can be reached' }),
  /** Radius of the L2 ball that all parameters together are projected on, or null. Default: null. */
  maxNorm: maxNormOption,
  /**
   * Each element of a gradient is clipped at this magnitude before all else, also an infinite one; or
   * null. Default: null.
   */
  maxGradientValue: maxGradientValueOption,
  /** Velocities average gradients instead of steps. Default: false. */
  adjustedMomentum: flagOption({ default: false, meaning: 'velocities average gradients' }),
};

/** Hyper-parameters of {@link fusedAliGStep}, all float32. */
export type FusedAliGStepSettings = GivenValues<typeof aliGStepOptions>;

/** A step over parameters of one group: checks all options and rounds them to float32. */
export function aliGStep(owner: string, given: FusedAliGStepSettings): RuleStep {
  const values = completeValues(owner, { ...given }, aliGStepOptions, true);
  const settings = float32Values(aliGStepOptions, values);
  const rule = aliGRule(settings.momentum, values.adjustedMomentum);
  return stepOfOneGroup(rule, settings, settings, settings);
}
