import { serialization } from '@tensorflow/tfjs-core';
import { momo, momoAdam } from '../rules/momo.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import {
  averageWeightOf,
  completeOptions,
  settingsOf,
  type Complete,
  type Defaults,
} from './options.js';
import { commonDefaults, type CommonOptions, type RuleConfiguration } from './rule-optimizer.js';

/** Options of {@link Momo} and {@link MomoAdam}. */
interface MomoModelOptions extends CommonOptions {
  /** Learning rate (alpha), at least 0: the bound of the step size. */
  learningRate?: number;
  /** Lower bound of the loss (f*), or where its estimate starts and does not go below. Default: 0. */
  lowerBound?: number;
  /** Whether the lower bound is estimated in the course of the steps (f*_k). Default: false. */
  estimateLowerBound?: boolean;
  /** Weight decay (lambda), at least 0. Default: 0. */
  weightDecay?: number;
}

/** Options of {@link Momo}; defaults are those of the published code. */
export interface MomoOptions extends MomoModelOptions {
  /** Learning rate (alpha), at least 0: the bound of the step size. Default: 1. */
  learningRate?: number;
  /** Decay rate of the averages (beta), 0 <= beta < 1. Default: 0.9. */
  beta?: number;
  /**
   * Whether the averages start at 0, which is corrected for (rho_k = 1 - beta^k), and not at the
   * first loss and gradient. Default: false.
   */
  biasCorrection?: boolean;
}

/** Options of {@link MomoAdam}; defaults are those of the published code. */
export interface MomoAdamOptions extends MomoModelOptions {
  /** Learning rate (alpha), at least 0: the bound of the step size. Default: 1e-2. */
  learningRate?: number;
  /** Decay rate of the averages (beta1), 0 <= beta1 < 1. Default: 0.9. */
  beta1?: number;
  /** Decay rate of the averaged squares (beta2), 0 <= beta2 < 1. Default: 0.999. */
  beta2?: number;
  /** Added to the root of the averaged squares, at least 0. Default: 1e-8. */
  epsilon?: number;
  /**
   * Whether weight decay is part of the proximal problem, w / (1 + alpha lambda) after the step, or
   * decoupled, (1 - alpha lambda) w before it. Default: true.
   */
  proximalWeightDecay?: boolean;
}

const modelDefaults = {
  lowerBound: 0,
  estimateLowerBound: false,
  weightDecay: 0,
  ...commonDefaults,
};

const momoDefaults: Defaults<MomoOptions> = {
  learningRate: 1,
  beta: 0.9,
  biasCorrection: false,
  ...modelDefaults,
};

const momoAdamDefaults: Defaults<MomoAdamOptions> = {
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  proximalWeightDecay: true,
  ...modelDefaults,
};

const modelSettings = ['learningRate', 'lowerBound', 'estimateLowerBound', 'weightDecay'] as const;

function momoConfiguration(options: Complete<MomoOptions>): RuleConfiguration {
  const owner = Momo.className;
  return {
    rule: momo,
    settings: {
      ...settingsOf(owner, options, [...modelSettings, 'biasCorrection']),
      averageWeight: averageWeightOf(owner, options, 'beta'),
    },
    groupSettings: {},
  };
}

function momoAdamConfiguration(options: Complete<MomoAdamOptions>): RuleConfiguration {
  const owner = MomoAdam.className;
  return {
    rule: momoAdam,
    settings: {
      ...settingsOf(owner, options, [...modelSettings, 'epsilon', 'proximalWeightDecay']),
      averageWeight: averageWeightOf(owner, options, 'beta1'),
      secondMomentWeight: averageWeightOf(owner, options, 'beta2'),
    },
    groupSettings: {},
  };
}

/** What both forms of MoMo have: its lower bound may change between steps as well. */
abstract class MomoModel<
  Options extends Complete<MomoModelOptions>,
> extends LearningRateOptimizer<Options> {
  /** Lower bound of the loss, or of its estimate. May be set between steps. */
  get lowerBound(): number {
    return this.options.lowerBound;
  }

  set lowerBound(value: number) {
    this.change({ lowerBound: value } as Partial<Options>);
  }
}

/**
 * The MoMo optimiser ("MoMo: Momentum Models for Adaptive Learning Rates", Schaipp, Ohana,
 * Eickenberg, Defazio and Gower, ICML 2024): SGD with momentum whose step size is that of a model of
 * the loss from averaged losses and gradients, cut off at a lower bound, and bounded by the learning
 * rate. Where the averaged gradient is 0 the step size is 0. `lastStep.stepSize` is the factor of
 * the averaged gradient (tau), `unclippedStepSize` what it is before the learning rate bounds it.
 */
export class Momo extends MomoModel<Complete<MomoOptions>> {
  /** @nocollapse */
  static readonly className = 'Momo';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: MomoOptions = {}) {
    super(
      Momo.className,
      completeOptions(Momo.className, options, momoDefaults),
      momoConfiguration,
    );
  }
}

/** MoMo on Adam: as {@link Momo}, along the direction of Adam and in its norm. */
export class MomoAdam extends MomoModel<Complete<MomoAdamOptions>> {
  /** @nocollapse */
  static readonly className = 'MomoAdam';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: MomoAdamOptions = {}) {
    super(
      MomoAdam.className,
      completeOptions(MomoAdam.className, options, momoAdamDefaults),
      momoAdamConfiguration,
    );
  }
}

serialization.registerClass(Momo);
serialization.registerClass(MomoAdam);
