/** Options that Adam, AMSGrad, AdamW and Yogi share. */
import type { AdamSettings } from '../rules/adam.js';
import { checkChoice } from '../step/settings.js';
import { clippingDefaults, type GivenLearningRateOptions } from './given-learning-rate.js';
import { averageWeightOf, settingsOf, type Complete } from './options.js';

const placements = ['beforeBiasCorrection', 'afterBiasCorrection'] as const;

/**
 * Where epsilon stands: eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon), or
 * eta / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 */
export type AdamEpsilonPlacement = (typeof placements)[number];

/** Options of {@link Yogi}, which those of {@link Adam} extend. */
export interface MomentOptions extends GivenLearningRateOptions {
  /** Learning rate (eta), at least 0. Default: 1e-3. */
  learningRate?: number;
  /** Decay rate of the first moment, 0 <= beta1 < 1. Default: 0.9. */
  beta1?: number;
  /** Decay rate of the second moment, 0 <= beta2 < 1. Default: 0.999. */
  beta2?: number;
  /** Added to the root of the second moment, at least 0. Default: 1e-8. */
  epsilon?: number;
  /**
   * Whether epsilon is added 'beforeBiasCorrection', as in the paper's faster form and TensorFlow,
   * or 'afterBiasCorrection', as in PyTorch. Default: as PyTorch in Adam and AmsGrad, and as the
   * published code of ALI-G's experiments, the other one, in AdamW and Yogi.
   */
  epsilonPlacement?: AdamEpsilonPlacement;
}

export const momentDefaults = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  ...clippingDefaults,
};

/** Checks the options that all parameters share, and turns them into what the rules take. */
export function adamSettingsOf(
  owner: string,
  options: Complete<MomentOptions>,
  decoupledWeightDecay: boolean,
): AdamSettings {
  const placement = checkChoice(owner, 'epsilonPlacement', options.epsilonPlacement, placements);
  return {
    firstMomentWeight: averageWeightOf(owner, options, 'beta1'),
    secondMomentWeight: averageWeightOf(owner, options, 'beta2'),
    ...settingsOf(owner, options, ['epsilon', 'maxGradientNorm']),
    epsilonBeforeBiasCorrection: Number(placement === 'beforeBiasCorrection'),
    decoupledWeightDecay: Number(decoupledWeightDecay),
  };
}
