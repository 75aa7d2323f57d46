import { serialization, type Tensor } from '@tensorflow/tfjs-core';
import { sps, spsSmooth } from '../rules/sps.js';
import { checkSetting } from '../step/settings.js';
import type { GradientList, GradientMap } from './gradients.js';
import { completeOptions, settingsOf, type Complete, type Defaults } from './options.js';
import {
  commonDefaults,
  RuleOptimizer,
  type CommonOptions,
  type RuleConfiguration,
} from './rule-optimizer.js';

const owner = 'Sps';

/** Options of {@link Sps}; defaults are those of the published code. */
export interface SpsOptions extends CommonOptions {
  /**
   * How the step size is bounded: 'constant', by `maxStepSize` (SPS_max), or 'smoothIter', by the
   * previous one times gamma^(1 / batchesPerEpoch). Default: 'smoothIter'.
   */
  variant?: 'constant' | 'smoothIter';
  /** Factor of |g|^2 (c), positive; the paper takes 0.5, or 0.2. Default: 0.5. */
  c?: number;
  /** Added to c |g|^2, at least 0. Default: 1e-8. */
  epsilon?: number;
  /**
   * The smallest value that the loss of a step can have (f*), taken off before the division; a step
   * may have its own: `applyGradients(gradients, {loss, optimalValue})`. Of 'constant' alone.
   * Default: 0.
   */
  optimalValue?: number;
  /** Bound of the step size (gamma_b), positive, or null for none. Of 'constant' alone. Default: null. */
  maxStepSize?: number | null;
  /** What the step size may grow by in an epoch (tau), at least 1. Of 'smoothIter' alone. Default: 2. */
  gamma?: number;
  /** Steps in an epoch (n / b), at least 1. Of 'smoothIter' alone. Default: 500. */
  batchesPerEpoch?: number;
  /** The step size before the first (gamma_0), positive. Of 'smoothIter' alone. Default: 1. */
  initialStepSize?: number;
}

const defaults: Defaults<SpsOptions> = {
  variant: 'smoothIter',
  c: 0.5,
  epsilon: 1e-8,
  optimalValue: 0,
  maxStepSize: null,
  gamma: 2,
  batchesPerEpoch: 500,
  initialStepSize: 1,
  ...commonDefaults,
};

function configurationOf(options: Complete<SpsOptions>): RuleConfiguration {
  const variant = checkSetting(owner, 'variant', options.variant);
  const shared = settingsOf(owner, options, ['c', 'epsilon']);
  const bounds = settingsOf(owner, options, ['optimalValue', 'maxStepSize']);
  const { initialStepSize } = settingsOf(owner, options, ['initialStepSize']);
  const gamma = checkSetting(owner, 'gamma', options.gamma);
  const batchesPerEpoch = checkSetting(owner, 'batchesPerEpoch', options.batchesPerEpoch);
  if (variant === 'constant') {
    return { rule: sps, settings: { ...shared, ...bounds }, groupSettings: {} };
  }
  if (bounds.optimalValue !== 0 || bounds.maxStepSize !== Infinity) {
    throw new RangeError(
      `${owner}: variant must be 'constant' where optimalValue or maxStepSize is given; ` +
        "'smoothIter' uses neither.",
    );
  }
  const growth = Math.fround(gamma ** (1 / batchesPerEpoch));
  return {
    rule: spsSmooth,
    settings: { ...shared, growth, initialStepSize },
    groupSettings: {},
  };
}

/**
 * SGD with the stochastic Polyak step size ("Stochastic Polyak Step-size for SGD: An Adaptive
 * Learning Rate for Fast Convergence", Loizou, Vaswani, Laradji and Lacoste-Julien, AISTATS 2021):
 * (loss - optimalValue) / (c |g|^2 + epsilon), with a bound. Where the norm of the gradient is below
 * 1e-8 there is no step. A step of 0 does not bound the next one of 'smoothIter', which in the
 * published code stands still from then on.
 */
export class Sps extends RuleOptimizer<Complete<SpsOptions>> {
  /** @nocollapse */
  static readonly className = 'Sps';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: SpsOptions = {}) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }

  /** Bound of the step size of 'constant' (gamma_b), null for none. May be set between steps. */
  get maxStepSize(): number | null {
    return this.options.maxStepSize;
  }

  set maxStepSize(value: number | null) {
    this.change({ maxStepSize: value });
  }

  /** The smallest value that the loss of a step can have (f*). May be set between steps. */
  get optimalValue(): number {
    return this.options.optimalValue;
  }

  set optimalValue(value: number) {
    this.change({ optimalValue: value });
  }

  /**
   * As {@link RuleOptimizer.applyGradients}.
   *
   * @param step.optimalValue The smallest value that the loss of this step can have (f*). Default:
   * the option of that name.
   */
  override applyGradients(
    gradients: GradientMap | GradientList,
    step?: { loss?: number | Tensor; optimalValue?: number },
  ): void {
    const { optimalValue, ...others } = step ?? {};
    if (optimalValue === undefined) {
      super.applyGradients(gradients, step && others);
      return;
    }
    const usual = this.optimalValue;
    this.optimalValue = optimalValue;
    try {
      super.applyGradients(gradients, others);
    } finally {
      this.optimalValue = usual;
    }
  }
}

serialization.registerClass(Sps);
