import { serialization } from '@tensorflow/tfjs-core';
import { aprox } from '../rules/aprox.js';
import { checkSetting } from '../step/settings.js';
import { completeOptions, settingsOf, type Complete, type Defaults } from './options.js';
import {
  commonDefaults,
  RuleOptimizer,
  type CommonOptions,
  type RuleConfiguration,
} from './rule-optimizer.js';

const owner = 'Aprox';

/** Options of {@link Aprox}. */
export interface AproxOptions extends CommonOptions {
  /** Learning rate of the first step (alpha), at least 0: the bound of the step size. Default: 0.1. */
  learningRate?: number;
  /**
   * The power of t^-power (beta in the paper), by which the learning rate falls with the number t of
   * the step, at least 0. Default: 0, a constant rate, as in the published code.
   */
  power?: number;
}

const defaults: Defaults<AproxOptions> = { learningRate: 0.1, power: 0, ...commonDefaults };

function configurationOf(options: Complete<AproxOptions>): RuleConfiguration {
  const power = checkSetting(owner, 'power', options.power);
  return {
    rule: aprox,
    settings: { rateFactor: 1 },
    settingsOfStep: (stepNumber) => ({ rateFactor: Math.fround(stepNumber ** -power) }),
    groupSettings: settingsOf(owner, options, ['learningRate']),
  };
}

/**
 * The truncated method of APROX ("The importance of better models in stochastic optimization", Asi
 * and Duchi, PNAS 2019): SGD whose step size is min(loss / |g|^2, learningRate t^-power). It takes
 * losses of lower bound 0. Where all gradients are 0 the step size is the learning rate.
 */
export class Aprox extends RuleOptimizer<Complete<AproxOptions>> {
  /** @nocollapse */
  static readonly className = 'Aprox';

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: AproxOptions = {}) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }

  /** Learning rate of the first step (alpha). May be set between steps. */
  get learningRate(): number {
    return this.options.learningRate;
  }

  set learningRate(value: number) {
    this.change({ learningRate: value });
  }
}

serialization.registerClass(Aprox);
