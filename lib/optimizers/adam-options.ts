/** Options that Adam, AMSGrad, AdamW and Yogi share. */
import { choiceOption, mergedOptions, type Values } from '../options/option.js';
import { averageOption, averageWeight, epsilonOption, ofGroup } from '../options/shared.js';
import type { Numbers } from '../rules/rule.js';
import { givenLearningRateOptions } from './given-learning-rate.js';

const placements = ['beforeBiasCorrection', 'afterBiasCorrection'] as const;

/**
 * Where epsilon stands: eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon), or
 * eta / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 */
export type AdamEpsilonPlacement = (typeof placements)[number];

export function placementOption(standard: AdamEpsilonPlacement) {
  return choiceOption(placements, {
    default: standard,
    meaning: 'where epsilon is added',
    label: 'epsilon',
  });
}

const own = {
  /** Added to the root of the second moment, at least 0. Default: 1e-8. */
  epsilon: ofGroup(epsilonOption(1e-8, 'added to the root of the second moment')),
  /**
   * Whether epsilon is added 'beforeBiasCorrection', as in the paper's faster form and TensorFlow,
   * or 'afterBiasCorrection', as in PyTorch. Default: 'afterBiasCorrection'.
   */
  epsilonPlacement: placementOption('afterBiasCorrection'),
  /** Decay rate of the first moment, 0 <= beta1 < 1. Default: 0.9. */
  beta1: ofGroup(averageOption(0.9, 'decay rate of the average of gradients')),
  /** Decay rate of the second moment, 0 <= beta2 < 1. Default: 0.999. */
  beta2: ofGroup(averageOption(0.999, 'decay rate of the average of squares')),
};

const merged = mergedOptions({}, givenLearningRateOptions, own);

type Declared = typeof merged;

// Has a name for the declaration files.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface MomentOptions extends Declared {}

export const momentOptions: MomentOptions = merged;

/** What the rules take in place of some options. */
export function adamSettings({ beta1, beta2, epsilonPlacement }: Values<MomentOptions>): Numbers {
  return {
    firstMomentWeight: averageWeight(beta1),
    secondMomentWeight: averageWeight(beta2),
    epsilonBeforeBiasCorrection: Number(epsilonPlacement === 'beforeBiasCorrection'),
  };
}
