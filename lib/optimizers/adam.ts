import { serialization } from '@tensorflow/tfjs-core';
import { adam, amsGrad } from '../rules/adam.js';
import { checkSetting } from '../step/settings.js';
import { adamSettingsOf, momentDefaults, type MomentOptions } from './adam-options.js';
import { groupSettingsOf } from './given-learning-rate.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import { completeOptions, type Complete } from './options.js';

/** Options of {@link Adam}, {@link AmsGrad} and {@link AdamW}, which differ in their defaults. */
export interface AdamOptions extends MomentOptions {
  /** Weight decay (lambda), at least 0. Default: 0, in AdamW 1e-2. */
  weightDecay?: number;
  /**
   * Whether weight decay scales the parameters by 1 - eta lambda instead of being added to the
   * gradient. Default: false, in AdamW true.
   */
  decoupledWeightDecay?: boolean;
  /** Whether the largest second moment so far scales the step. Default: false, in AmsGrad true. */
  amsgrad?: boolean;
}

/** What the three classes share. */
abstract class AdamOptimizer extends LearningRateOptimizer<Complete<AdamOptions>> {
  protected constructor(owner: string, options: AdamOptions, defaults: Complete<AdamOptions>) {
    super(owner, completeOptions(owner, options, defaults), (complete) => {
      const decoupled = checkSetting(owner, 'decoupledWeightDecay', complete.decoupledWeightDecay);
      return {
        rule: checkSetting(owner, 'amsgrad', complete.amsgrad) ? amsGrad : adam,
        settings: adamSettingsOf(owner, complete, decoupled),
        groupSettings: groupSettingsOf(owner, complete),
      };
    });
  }
}

const adamDefaults: Complete<AdamOptions> = {
  ...momentDefaults,
  epsilonPlacement: 'afterBiasCorrection',
  decoupledWeightDecay: false,
  amsgrad: false,
};

/**
 * Adam ("Adam: A Method for Stochastic Optimization", Kingma and Ba): steps along the average m of
 * gradients, each element scaled by the root of the average v of their squares, both corrected for
 * their start at 0. As PyTorch's Adam.
 */
export class Adam extends AdamOptimizer {
  /**
   * Not 'Adam', which is the class of `tf.train.adam` and has other options.
   * @nocollapse
   */
  static readonly className = 'FusedAdam';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: AdamOptions = {}) {
    super('Adam', options, adamDefaults);
  }
}

/**
 * AMSGrad ("On the Convergence of Adam and Beyond", Reddi, Kale and Kumar): Adam that scales by the
 * largest second moment so far, as it is before the bias correction. As PyTorch's Adam with amsgrad.
 */
export class AmsGrad extends AdamOptimizer {
  /** @nocollapse */
  static readonly className = 'AmsGrad';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: AdamOptions = {}) {
    super('AmsGrad', options, { ...adamDefaults, amsgrad: true });
  }
}

/**
 * AdamW ("Decoupled Weight Decay Regularization", Loshchilov and Hutter): Adam that scales the
 * parameters by 1 - eta lambda before each step, instead of adding weight decay to the gradient.
 */
export class AdamW extends AdamOptimizer {
  /** @nocollapse */
  static readonly className = 'AdamW';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: AdamOptions = {}) {
    super('AdamW', options, {
      ...adamDefaults,
      weightDecay: 1e-2,
      decoupledWeightDecay: true,
      epsilonPlacement: 'beforeBiasCorrection',
    });
  }
}

serialization.registerClass(Adam);
serialization.registerClass(AmsGrad);
serialization.registerClass(AdamW);
