import { serialization } from '@tensorflow/tfjs-core';
import { sgd, sgdMomentum } from '../rules/sgd.js';
import {
  clippingDefaults,
  groupSettingsOf,
  type GivenLearningRateOptions,
} from './given-learning-rate.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import {
  completeOptions,
  RequiredOption,
  settingsOf,
  type Complete,
  type Defaults,
} from './options.js';
import type { RuleConfiguration } from './rule-optimizer.js';

const owner = 'Sgd';

/** Options of {@link Sgd}. */
export interface SgdOptions extends GivenLearningRateOptions {
  /** Learning rate (eta), at least 0: the one hyper-parameter without a default. */
  learningRate: number;
  /** Momentum (mu), 0 <= momentum < 1. Default: 0. */
  momentum?: number;
  /** How much less than 1 a gradient weighs in the momentum buffer, 0 to 1. Default: 0. */
  dampening?: number;
  /** Nesterov's momentum; needs a positive momentum and no dampening. Default: false. */
  nesterov?: boolean;
}

const defaults: Defaults<SgdOptions> = {
  learningRate: new RequiredOption('give a number such as 0.1'),
  momentum: 0,
  dampening: 0,
  nesterov: false,
  ...clippingDefaults,
};

function configurationOf(options: Complete<SgdOptions>): RuleConfiguration {
  const settings = settingsOf(owner, options, [
    'momentum',
    'dampening',
    'nesterov',
    'maxGradientNorm',
  ]);
  if (options.nesterov && (settings.momentum === 0 || settings.dampening !== 0)) {
    throw new RangeError(
      `${owner}: nesterov must be false where momentum is 0 or dampening is not, and momentum is ` +
        `${options.momentum}, dampening ${options.dampening}.`,
    );
  }
  return {
    rule: settings.momentum === 0 ? sgd : sgdMomentum,
    settings,
    groupSettings: groupSettingsOf(owner, options),
  };
}

/**
 * Stochastic gradient descent with weight decay g + lambda w, and with momentum b = mu b +
 * (1 - dampening) g: w - eta b, or w - eta (g + mu b) with Nesterov's. As PyTorch's SGD.
 */
export class Sgd extends LearningRateOptimizer<Complete<SgdOptions>> {
  /** @nocollapse */
  static readonly className = 'Sgd';

  /**
   * @throws TypeError for an unknown or missing option, RangeError for a value out of range.
   */
  constructor(options: SgdOptions) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(Sgd);
