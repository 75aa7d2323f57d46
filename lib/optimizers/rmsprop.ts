import { serialization } from '@tensorflow/tfjs-core';
import {
  rmsProp,
  rmsPropCentered,
  rmsPropCenteredMomentum,
  rmsPropMomentum,
} from '../rules/rmsprop.js';
import {
  clippingDefaults,
  groupSettingsOf,
  type GivenLearningRateOptions,
} from './given-learning-rate.js';
import { LearningRateOptimizer } from './learning-rate-optimizer.js';
import { averageWeightOf, completeOptions, settingsOf, type Complete } from './options.js';
import { rootEpsilonsOf, type RootEpsilonPlacement } from './root-epsilon.js';
import type { RuleConfiguration } from './rule-optimizer.js';

const owner = 'RmsProp';

/** Options of {@link RmsProp}. */
export interface RmsPropOptions extends GivenLearningRateOptions {
  /** Learning rate (eta), at least 0. Default: 1e-2. */
  learningRate?: number;
  /** Decay rate of the averages (rho; PyTorch's alpha), 0 <= decay < 1. Default: 0.99. */
  decay?: number;
  /** Keeps the step finite where the average is small, at least 0. Default: 1e-8. */
  epsilon?: number;
  /**
   * Where epsilon is added, and which library's momentum is used: 'outsideSquareRoot' (or 'none')
   * as in PyTorch, where the learning rate multiplies the momentum buffer, or 'insideSquareRoot' as
   * in TensorFlow, where it multiplies what enters the buffer. Default: 'outsideSquareRoot'.
   */
  epsilonPlacement?: RootEpsilonPlacement;
  /** Where the averages of squares start, at least 0; 1 in TensorFlow 1. Default: 0. */
  initialSquareAverage?: number;
  /** Momentum (mu), 0 <= momentum < 1. Default: 0. */
  momentum?: number;
  /** Whether the square of the average gradient is taken off the average square. Default: false. */
  centered?: boolean;
}

const defaults: Complete<RmsPropOptions> = {
  learningRate: 1e-2,
  decay: 0.99,
  epsilon: 1e-8,
  epsilonPlacement: 'outsideSquareRoot',
  initialSquareAverage: 0,
  momentum: 0,
  centered: false,
  ...clippingDefaults,
};

function configurationOf(options: Complete<RmsPropOptions>): RuleConfiguration {
  const { initialSquareAverage, centered } = settingsOf(owner, options, [
    'initialSquareAverage',
    'centered',
  ]);
  const settings = {
    averageWeight: averageWeightOf(owner, options, 'decay'),
    ...rootEpsilonsOf(owner, options),
    ...settingsOf(owner, options, ['momentum', 'maxGradientNorm']),
    rateInsideMomentum: Number(options.epsilonPlacement === 'insideSquareRoot'),
  };
  const [plain, withMomentum] = centered
    ? [rmsPropCentered, rmsPropCenteredMomentum]
    : [rmsProp, rmsPropMomentum];
  return {
    rule: settings.momentum === 0 ? plain : withMomentum,
    settings,
    groupSettings: groupSettingsOf(owner, options),
    initialState: { squareAverage: initialSquareAverage },
  };
}

/**
 * RMSProp ("Lecture 6.5", Tieleman and Hinton): each element of the gradient is divided by the root
 * of the average of its squares; centered ("Generating Sequences With Recurrent Neural Networks",
 * Graves): by an estimate of its standard deviation.
 */
export class RmsProp extends LearningRateOptimizer<Complete<RmsPropOptions>> {
  /** @nocollapse */
  static readonly className = 'RmsProp';

  /**
   * @throws TypeError for an unknown option, RangeError for a value out of range.
   */
  constructor(options: RmsPropOptions = {}) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
  }
}

serialization.registerClass(RmsProp);
