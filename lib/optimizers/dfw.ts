import { serialization } from '@tensorflow/tfjs-core';
import { dfw, dfwMomentum } from '../rules/dfw.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import {
  completeOptions,
  RequiredOption,
  settingsOf,
  type Complete,
  type Defaults,
} from './options.js';
import { commonDefaults, type CommonOptions, type RuleConfiguration } from './rule-optimizer.js';

const owner = 'Dfw';

/** Options of {@link Dfw}; defaults are those of the published code. */
export interface DfwOptions extends CommonOptions {
  /**
   * Learning rate of the proximal problem (eta), the one hyper-parameter to choose: at least 0,
   * often a power of ten such as 0.1.
   */
  learningRate: number;
  /** Nesterov momentum (mu), 0 <= momentum < 1; the paper takes 0.9. Default: 0. */
  momentum?: number;
  /** Factor of the regulariser weightDecay / 2 |w|^2 (lambda), at least 0. Default: 0. */
  weightDecay?: number;
  /** Added to the denominator of the step size, at least 0. Default: 1e-5. */
  epsilon?: number;
}

const defaults: Defaults<DfwOptions> = {
  learningRate: new RequiredOption('give a number such as 0.1'),
  momentum: 0,
  weightDecay: 0,
  epsilon: 1e-5,
  ...commonDefaults,
};

function configurationOf(options: Complete<DfwOptions>): RuleConfiguration {
  const settings = settingsOf(owner, options, ['momentum', 'epsilon']);
  return {
    rule: settings.momentum === 0 ? dfw : dfwMomentum,
    settings,
    groupSettings: settingsOf(owner, options, ['learningRate', 'weightDecay']),
  };
}

/**
 * The Deep Frank-Wolfe optimiser ("Deep Frank-Wolfe For Neural Network Optimization", Berrada,
 * Zisserman and Kumar, ICLR 2019): the step size gamma in [0, 1] is the optimal one of a
 * Frank-Wolfe step on the proximal problem. The paper minimises a hinge loss ({@link hinge},
 * {@link smoothedHinge}); the loss is handed over without the regulariser, which `weightDecay` is.
 * `lastStep.stepSize` is gamma, `clipped` whether it was brought back to [0, 1].
 */
export class Dfw extends LearningRateOptimizer<Complete<DfwOptions>> {
  /** @nocollapse */
  static readonly className = 'Dfw';

  /** @throws TypeError for an unknown or missing option, RangeError for a value out of range. */
  constructor(options: DfwOptions) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(Dfw);
