import { serialization } from '@tensorflow/tfjs-core';
import { bpGrad, bpGradMomentum } from '../rules/bpgrad.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import {
  completeOptions,
  RequiredOption,
  settingsOf,
  type Complete,
  type Defaults,
} from './options.js';
import { commonDefaults, type CommonOptions, type RuleConfiguration } from './rule-optimizer.js';

const owner = 'BPGrad';

/** Options of {@link BPGrad}; defaults are those of the published code. */
export interface BPGradOptions extends CommonOptions {
  /** Learning rate (eta), at least 0: 1 / L for a loss of Lipschitz constant L. */
  learningRate: number;
  /** Momentum (mu), 0 <= momentum < 1; the paper takes 0.9. Default: 0. */
  momentum?: number;
  /** Factor of the penalty weightDecay / 2 |w|^2 in the loss (lambda), at least 0. Default: 0. */
  weightDecay?: number;
  /** Added to the norm of the gradient, at least 0. Default: 1e-5. */
  epsilon?: number;
}

const defaults: Defaults<BPGradOptions> = {
  learningRate: new RequiredOption('give a number such as 0.1'),
  momentum: 0,
  weightDecay: 0,
  epsilon: 1e-5,
  ...commonDefaults,
};

function configurationOf(options: Complete<BPGradOptions>): RuleConfiguration {
  const settings = settingsOf(owner, options, ['momentum', 'epsilon']);
  return {
    rule: settings.momentum === 0 ? bpGrad : bpGradMomentum,
    settings,
    groupSettings: settingsOf(owner, options, ['learningRate', 'weightDecay']),
  };
}

/**
 * The BPGrad optimiser ("BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning",
 * Zhang, Wu and Wang, CVPR 2018): SGD with a step of learningRate s g, where s = loss / (|g| +
 * epsilon). The loss is handed over without the penalty, which `weightDecay` is.
 * `lastStep.stepSize` is s; it is never clipped. Without momentum it steps as well, which the
 * published code does not.
 */
export class BPGrad extends LearningRateOptimizer<Complete<BPGradOptions>> {
  /** @nocollapse */
  static readonly className = 'BPGrad';

  /** @throws TypeError for an unknown or missing option, RangeError for a value out of range. */
  constructor(options: BPGradOptions) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(BPGrad);
