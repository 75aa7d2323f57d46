import { serialization } from '@tensorflow/tfjs-core';
import { adaGrad } from '../rules/adagrad.js';
import {
  clippingDefaults,
  groupSettingsOf,
  type GivenLearningRateOptions,
} from './given-learning-rate.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import { completeOptions, settingsOf, type Complete } from './options.js';
import { rootEpsilonsOf, type RootEpsilonPlacement } from './root-epsilon.js';
import type { RuleConfiguration } from './rule-optimizer.js';

const owner = 'AdaGrad';

/** Options of {@link AdaGrad}. */
export interface AdaGradOptions extends GivenLearningRateOptions {
  /** Learning rate (eta), at least 0. Default: 1e-2. */
  learningRate?: number;
  /** Step t has the learning rate eta / (1 + (t - 1) learningRateDecay). At least 0. Default: 0. */
  learningRateDecay?: number;
  /** Keeps the step finite where the accumulator is small, at least 0. Default: 1e-10. */
  epsilon?: number;
  /**
   * Where epsilon is added: 'outsideSquareRoot' as in PyTorch, 'insideSquareRoot', or 'none' as in
   * TensorFlow 1. Default: 'outsideSquareRoot'.
   */
  epsilonPlacement?: RootEpsilonPlacement;
  /** Where the sums of squares start, at least 0; 0.1 in TensorFlow. Default: 0. */
  initialAccumulator?: number;
}

const defaults: Complete<AdaGradOptions> = {
  learningRate: 1e-2,
  learningRateDecay: 0,
  epsilon: 1e-10,
  epsilonPlacement: 'outsideSquareRoot',
  initialAccumulator: 0,
  ...clippingDefaults,
};

function configurationOf(options: Complete<AdaGradOptions>): RuleConfiguration {
  const { initialAccumulator } = settingsOf(owner, options, ['initialAccumulator']);
  return {
    rule: adaGrad,
    settings: {
      ...settingsOf(owner, options, ['learningRateDecay', 'maxGradientNorm']),
      ...rootEpsilonsOf(owner, options),
    },
    groupSettings: groupSettingsOf(owner, options),
    initialState: { accumulator: initialAccumulator },
  };
}

/**
 * AdaGrad ("Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", Duchi,
 * Hazan and Singer): each element of the gradient is divided by the root of the sum of its squares.
 */
export class AdaGrad extends LearningRateOptimizer<Complete<AdaGradOptions>> {
  /** @nocollapse */
  static readonly className = 'AdaGrad';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: AdaGradOptions = {}) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(AdaGrad);
