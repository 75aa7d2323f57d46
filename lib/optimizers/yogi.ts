import { mergedOptions } from '../options/option.js';
import { learningRateOption } from '../options/shared.js';
import { yogi } from '../rules/yogi.js';
import { adamSettings, momentOptions, placementOption } from './adam-options.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Yogi}.
 *
 * @interface
 */
export type YogiOptions = OptionsOf<typeof Yogi>;

/**
 * Yogi ("Adaptive Methods for Nonconvex Optimization", Zaheer et al.): Adam whose second moment
 * changes by (1 - beta2) g^2 at a time, v - (1 - beta2) sign(v - g^2) g^2, so that it falls slowly.
 */
export class Yogi extends optimizerOf({
  name: 'yogi',
  className: 'Yogi',
  title: 'Yogi',
  source: 'Zaheer et al.',
  formula: 'Adam with v -= (1 - beta2) sign(v - g^2) g^2',
  rules: [yogi],
  options: mergedOptions(
    {
      /** Learning rate (eta), at least 0. Default: 1e-3. */
      learningRate: learningRateOption(1e-3),
    },
    momentOptions,
    {
      /**
       * Whether epsilon is added 'beforeBiasCorrection', as in the paper's faster form, TensorFlow and
       * the published code of ALI-G's experiments, or 'afterBiasCorrection', as in PyTorch. Default:
       * 'beforeBiasCorrection'.
       */
      epsilonPlacement: placementOption('beforeBiasCorrection'),
    },
  ),
  configure: (options) => ({
    rule: yogi,
    settings: { ...adamSettings(options), decoupledWeightDecay: 0 },
  }),
}) {}

register(Yogi);
