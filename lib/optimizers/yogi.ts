import { serialization } from '@tensorflow/tfjs-core';
import { yogi } from '../rules/yogi.js';
import { adamSettingsOf, momentDefaults, type MomentOptions } from './adam-options.js';
import { groupSettingsOf } from './given-learning-rate.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import { completeOptions, type Complete } from './options.js';
import type { RuleConfiguration } from './rule-optimizer.js';

const owner = 'Yogi';

/** Options of {@link Yogi}. */
export type YogiOptions = MomentOptions;

const defaults: Complete<YogiOptions> = {
  ...momentDefaults,
  epsilonPlacement: 'beforeBiasCorrection',
};

function configurationOf(options: Complete<YogiOptions>): RuleConfiguration {
  return {
    rule: yogi,
    settings: adamSettingsOf(owner, options, false),
    groupSettings: groupSettingsOf(owner, options),
  };
}

/**
 * Yogi ("Adaptive Methods for Nonconvex Optimization", Zaheer et al.): Adam whose second moment
 * changes by (1 - beta2) g^2 at a time, v - (1 - beta2) sign(v - g^2) g^2, so that it falls slowly.
 */
export class Yogi extends LearningRateOptimizer<Complete<YogiOptions>> {
  /** @nocollapse */
  static readonly className = 'Yogi';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: YogiOptions = {}) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(Yogi);
