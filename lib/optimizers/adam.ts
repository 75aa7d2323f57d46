import { flagOption, type Values, mergedOptions } from '../options/option.js';
import { learningRateOption, weightDecayOption } from '../options/shared.js';
import { adam, amsGrad } from '../rules/adam.js';
import { adamSettings, momentOptions, placementOption } from './adam-options.js';
import type { ChosenRule } from './description.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Adam}, {@link AmsGrad} and {@link AdamW}, which differ in their defaults.
 *
 * @interface
 */
export type AdamOptions = OptionsOf<typeof Adam>;

const adamOptions = mergedOptions(
  {
    /** Learning rate (eta), at least 0. Default: 1e-3. */
    learningRate: learningRateOption(1e-3),
  },
  momentOptions,
  {
    /**
     * Whether weight decay scales the parameters by 1 - eta lambda instead of being added to the
     * gradient. Default: false.
     */
    decoupledWeightDecay: flagOption({
      default: false,
      meaning: 'let weight decay scale the parameters instead of being added to the gradient',
    }),
    /** Whether the largest second moment so far scales the step. Default: false. */
    amsgrad: flagOption({
      default: false,
      meaning: 'let the largest second moment so far scale the step',
    }),
  },
);

/** What the three classes share. */
const family = {
  rules: [adam, amsGrad],
  configure: (options: Values<typeof adamOptions>): ChosenRule => ({
    rule: options.amsgrad ? amsGrad : adam,
    settings: adamSettings(options),
  }),
};

/**
 * Adam ("Adam: A Method for Stochastic Optimization", Kingma and Ba): steps along the average m of
 * gradients, each element scaled by the root of the average v of their squares, both corrected for
 * their start at 0. As PyTorch's Adam.
 */
export class Adam extends optimizerOf({
  ...family,
  name: 'adam',
  className: 'Adam',
  // 'Adam' is the class of `tf.train.adam` and has other options.
  savedAs: 'FusedAdam',
  title: 'Adam',
  source: 'Kingma and Ba',
  formula: 'm, v averages of g, g^2, bias corrected; w -= eta m / (sqrt(v) + epsilon)',
  options: adamOptions,
}) {}

/**
 * AMSGrad ("On the Convergence of Adam and Beyond", Reddi, Kale and Kumar): Adam that scales by the
 * largest second moment so far, as it is before the bias correction. As PyTorch's Adam with amsgrad.
 */
export class AmsGrad extends optimizerOf({
  ...family,
  name: 'amsgrad',
  className: 'AmsGrad',
  title: 'AMSGrad',
  source: 'Reddi et al.',
  formula: 'Adam with the largest v so far',
  options: mergedOptions({}, adamOptions, {
    /** Whether the largest second moment so far scales the step. Default: true. */
    amsgrad: { ...adamOptions.amsgrad, default: true },
  }),
}) {}

/**
 * AdamW ("Decoupled Weight Decay Regularization", Loshchilov and Hutter): Adam that scales the
 * parameters by 1 - eta lambda before each step, instead of adding weight decay to the gradient.
 */
export class AdamW extends optimizerOf({
  ...family,
  name: 'adamw',
  className: 'AdamW',
  title: 'AdamW',
  source: 'Loshchilov and Hutter',
  formula: 'w = (1 - eta lambda) w, then Adam',
  options: mergedOptions({}, adamOptions, {
    /** Weight decay (lambda), at least 0. Default: 1e-2. */
    weightDecay: weightDecayOption(1e-2),
    /**
     * Whether weight decay scales the parameters by 1 - eta lambda instead of being added to the
     * gradient. Default: true.
     */
    decoupledWeightDecay: { ...adamOptions.decoupledWeightDecay, default: true },
    /**
     * Whether epsilon is added 'beforeBiasCorrection', as in the paper's faster form, TensorFlow and
     * the published code of ALI-G's experiments, or 'afterBiasCorrection', as in PyTorch. Default:
     * 'beforeBiasCorrection'.
     */
    epsilonPlacement: placementOption('beforeBiasCorrection'),
  }),
}) {}

register(Adam);
register(AmsGrad);
register(AdamW);
