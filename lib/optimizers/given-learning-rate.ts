/** What the optimisers share whose step size is a given learning rate. */
import type { Numbers } from '../rules/rule.js';
import { settingsOf, type Complete, type Defaults } from './options.js';
import { commonDefaults, type CommonOptions } from './rule-optimizer.js';

/** Options of all optimisers with a given learning rate. */
export interface GivenLearningRateOptions extends CommonOptions {
  /** Learning rate (eta), at least 0. */
  learningRate?: number;
  /** Weight decay (lambda), at least 0: the gradient of (lambda / 2) |w|^2 is added. Default: 0. */
  weightDecay?: number;
  /**
   * Largest norm of all gradients together: where it is larger, all are scaled down to it, before
   * weight decay is added. As TensorFlow's `clip_by_global_norm`. Positive, or null for no clipping.
   * Default: null.
   */
  maxGradientNorm?: number | null;
}

/** Defaults of the options that have the same in each of them. */
export const clippingDefaults: Defaults<Omit<GivenLearningRateOptions, 'learningRate'>> &
  Complete<Omit<GivenLearningRateOptions, 'learningRate'>> = {
  weightDecay: 0,
  maxGradientNorm: null,
  ...commonDefaults,
};

/** Checks the options that belong to a group of parameters. */
export function groupSettingsOf(
  owner: string,
  options: Complete<GivenLearningRateOptions>,
): Numbers {
  return settingsOf(owner, options, ['learningRate', 'weightDecay']);
}
