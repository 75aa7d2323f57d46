import type { Tensor } from '@tensorflow/tfjs-core';
import { choiceOption, numberOption } from '../options/option.js';
import { atLeastOne, epsilonOption, optimalValueOption, positive } from '../options/shared.js';
import { sps, spsSmooth } from '../rules/sps.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import type { GradientList, GradientMap } from './gradients.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Sps}; defaults are those of the published code.
 *
 * @interface
 */
export type SpsOptions = OptionsOf<typeof Sps>;

/**
 * SGD with the stochastic Polyak step size ("Stochastic Polyak Step-size for SGD: An Adaptive
 * Learning Rate for Fast Convergence", Loizou, Vaswani, Laradji and Lacoste-Julien, AISTATS 2021):
 * (loss - optimalValue) / (c |g|^2 + epsilon), with a bound. Where the norm of the gradient is below
 * 1e-8 there is no step. A step of 0 does not bound the next one of 'smoothIter', which in the
 * published code stands still from then on.
 */
export class Sps extends optimizerOf({
  name: 'sps',
  className: 'Sps',
  title: 'SPS',
  source: 'Loizou et al.',
  formula: '(l - f*) / (c |g|^2 + epsilon), bounded (constant) or growing slowly (smoothIter)',
  rules: [sps, spsSmooth],
  options: {
    /**
     * How the step size is bounded: 'constant', by `maxStepSize` (SPS_max), or 'smoothIter', by the
     * previous one times gamma^(1 / batchesPerEpoch). Default: 'smoothIter'.
     */
    variant: choiceOption(['constant', 'smoothIter'], {
      default: 'smoothIter',
      meaning: 'how the step size is bounded',
    }),
    /** Factor of |g|^2 (c), positive; the paper takes 0.5, or 0.2. Default: 0.5. */
    c: numberOption(positive, {
      default: 0.5,
      meaning: 'factor of the squared gradient norm',
      symbol: 'c',
    }),
    /** Added to c |g|^2, at least 0. Default: 1e-8. */
    epsilon: epsilonOption(1e-8, 'added to the denominator of the step size'),
    /**
     * The smallest value that the loss of a step can have (f*), taken off before the division; a step
     * may have its own: `applyGradients(gradients, {loss, optimalValue})`. Of 'constant' alone.
     * Default: 0.
     */
    optimalValue: optimalValueOption,
    /** Bound of the step size (gamma_b), positive, or null for none. Of 'constant' alone. Default: null. */
    maxStepSize: numberOption(
      { ...positive, none: 'no bound' },
      {
        default: null,
        meaning: "largest step size of the variant 'constant'",
        symbol: 'gamma_b',
        label: 'maximal step size',
        changes: true,
      },
    ),
    /** What the step size may grow by in an epoch (tau), at least 1. Of 'smoothIter' alone. Default: 2. */
    gamma: numberOption(atLeastOne, {
      default: 2,
      meaning: "factor by which the step size of 'smoothIter' may grow in an epoch",
      symbol: 'tau',
    }),
    /** Steps in an epoch (n / b), at least 1. Of 'smoothIter' alone. Default: 500. */
    batchesPerEpoch: numberOption(atLeastOne, {
      default: 500,
      meaning: "batches of an epoch for 'smoothIter'",
      symbol: 'n / b',
      label: 'batches an epoch',
    }),
    /** The step size before the first (gamma_0), positive. Of 'smoothIter' alone. Default: 1. */
    initialStepSize: numberOption(positive, {
      default: 1,
      meaning: "where the step size of 'smoothIter' starts",
      symbol: 'gamma_0',
    }),
  },
  configure({ variant, gamma, batchesPerEpoch }, { optimalValue, maxStepSize }) {
    if (variant === 'constant') return { rule: sps };
    if (optimalValue !== 0 || maxStepSize !== Infinity) {
      throw new RangeError(
        "Sps: variant must be 'constant' where optimalValue or maxStepSize is given; 'smoothIter' " +
          'uses neither.',
      );
    }
    const growth = Math.fround(gamma ** (1 / batchesPerEpoch));
    return { rule: spsSmooth, settings: { growth } };
  },
}) {
  /**
   * As that of the other optimisers.
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

register(Sps);
