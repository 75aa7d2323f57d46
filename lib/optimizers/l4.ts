import { serialization } from '@tensorflow/tfjs-core';
import { l4Adam, l4Mom } from '../rules/l4.js';
import { completeOptions, settingsOf, type Complete, type Defaults } from './options.js';
import {
  commonDefaults,
  RuleOptimizer,
  type CommonOptions,
  type RuleConfiguration,
} from './rule-optimizer.js';

/** Options of {@link L4Mom}; defaults are those of the paper. */
export interface L4MomOptions extends CommonOptions {
  /**
   * Fraction of the way to the estimated minimum that a step takes (alpha), positive: the one
   * hyper-parameter to choose, from 0.1 to 0.3 mostly. There is no learning rate beside it.
   * Default: 0.15.
   */
  fraction?: number;
  /** What part of the smallest loss so far is the estimated minimum (gamma), in [0, 1). Default: 0.9. */
  minLossFactor?: number;
  /** What part of the first loss is the first smallest loss (gamma_0), at least 0. Default: 0.75. */
  initFactor?: number;
  /**
   * Number of steps in which the smallest loss so far is forgotten (tau), positive: each step
   * multiplies it by 1 + 1 / tau. Default: 1000.
   */
  minLossForgetTime?: number;
  /** Added to the denominator of the step size, at least 0. Default: 1e-12. */
  epsilon?: number;
  /** Factor of the penalty weightDecay / 2 |w|^2 in the loss (lambda), at least 0. Default: 0. */
  weightDecay?: number;
  /** Number of steps over which gradients are averaged, 1 / (1 - beta1), at least 1. Default: 10. */
  gradientTimeScale?: number;
}

/** Options of {@link L4Adam}; defaults are those of the paper. */
export interface L4AdamOptions extends L4MomOptions {
  /** Number of steps over which their squares are averaged, 1 / (1 - beta2), at least 1. Default: 1000. */
  varianceTimeScale?: number;
  /** Added to the root of the averaged squares, at least 0. Default: 1e-4. */
  adamEpsilon?: number;
}

const l4MomDefaults: Defaults<L4MomOptions> = {
  fraction: 0.15,
  minLossFactor: 0.9,
  initFactor: 0.75,
  minLossForgetTime: 1000,
  epsilon: 1e-12,
  weightDecay: 0,
  gradientTimeScale: 10,
  ...commonDefaults,
};

const l4AdamDefaults: Defaults<L4AdamOptions> = {
  ...l4MomDefaults,
  varianceTimeScale: 1000,
  adamEpsilon: 1e-4,
};

const l4MomSettings = [
  'fraction',
  'minLossFactor',
  'initFactor',
  'minLossForgetTime',
  'epsilon',
  'gradientTimeScale',
] as const;

function l4MomConfiguration(options: Complete<L4MomOptions>): RuleConfiguration {
  return {
    rule: l4Mom,
    settings: settingsOf(L4Mom.className, options, l4MomSettings),
    groupSettings: settingsOf(L4Mom.className, options, ['weightDecay']),
  };
}

function l4AdamConfiguration(options: Complete<L4AdamOptions>): RuleConfiguration {
  return {
    rule: l4Adam,
    settings: settingsOf(L4Adam.className, options, [
      ...l4MomSettings,
      'varianceTimeScale',
      'adamEpsilon',
    ]),
    groupSettings: settingsOf(L4Adam.className, options, ['weightDecay']),
  };
}

/** What both forms of L4 have: which of their options may change between steps. */
abstract class L4<Options extends Complete<L4MomOptions>> extends RuleOptimizer<Options> {
  /** Fraction of the way to the estimated minimum (alpha). May be set between steps. */
  get fraction(): number {
    return this.options.fraction;
  }

  set fraction(value: number) {
    this.change({ fraction: value } as Partial<Options>);
  }

  /** Factor of the penalty (lambda). May be set between steps. */
  get weightDecay(): number {
    return this.options.weightDecay;
  }

  set weightDecay(value: number) {
    this.change({ weightDecay: value } as Partial<Options>);
  }
}

/**
 * L4 on momentum ("L4: Practical loss-based stepsize adaptation for deep learning", Rolinek and
 * Martius, NeurIPS 2018): the step along the averaged gradient that is to take the linearised loss
 * a `fraction` of the way to the minimum that it estimates from the smallest loss so far. The step
 * size is never clipped. `lastStep.stepSize` is the learning rate of the step.
 */
export class L4Mom extends L4<Complete<L4MomOptions>> {
  /** @nocollapse */
  static readonly className = 'L4Mom';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: L4MomOptions = {}) {
    super(
      L4Mom.className,
      completeOptions(L4Mom.className, options, l4MomDefaults),
      l4MomConfiguration,
    );
  }
}

/** L4 on Adam: as {@link L4Mom}, along the direction of Adam. */
export class L4Adam extends L4<Complete<L4AdamOptions>> {
  /** @nocollapse */
  static readonly className = 'L4Adam';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: L4AdamOptions = {}) {
    super(
      L4Adam.className,
      completeOptions(L4Adam.className, options, l4AdamDefaults),
      l4AdamConfiguration,
    );
  }
}

serialization.registerClass(L4Mom);
serialization.registerClass(L4Adam);
