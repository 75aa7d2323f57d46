/** Options that the optimisers share whose step size is a given learning rate. */
import { numberOption } from '../options/option.js';
import { positive, weightDecayOption } from '../options/shared.js';

const options = {
  /** Weight decay (lambda), at least 0: the gradient of (lambda / 2) |w|^2 is added. Default: 0. */
  weightDecay: weightDecayOption(0),
  /**
   * Largest norm of all gradients together: where it is larger, all are scaled down to it, before
   * weight decay is added. As TensorFlow's `clip_by_global_norm`. Positive, or null for no clipping.
   * Default: null.
   */
  maxGradientNorm: numberOption(
    { ...positive, none: 'no clipping' },
    {
      default: null,
      meaning: 'norm that all gradients together are clipped at',
      label: 'gradients clipped at norm',
    },
  ),
};

type Declared = typeof options;

// Has a name for the declaration files.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface GivenLearningRateOptions extends Declared {}

export const givenLearningRateOptions: GivenLearningRateOptions = options;
