import { flagOption, numberOption, RequiredOption, mergedOptions } from '../options/option.js';
import { learningRateOption, momentumOption } from '../options/shared.js';
import { sgd, sgdMomentum } from '../rules/sgd.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { givenLearningRateOptions } from './given-learning-rate.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Sgd}.
 *
 * @interface
 */
export type SgdOptions = OptionsOf<typeof Sgd>;

/**
 * Stochastic gradient descent with weight decay g + lambda w, and with momentum b = mu b +
 * (1 - dampening) g: w - eta b, or w - eta (g + mu b) with Nesterov's. As PyTorch's SGD.
 */
export class Sgd extends optimizerOf({
  name: 'sgd',
  className: 'Sgd',
  title: 'SGD',
  source: 'PyTorch',
  formula: 'b = mu b + (1 - dampening) g; w -= eta b',
  rules: [sgd, sgdMomentum],
  options: mergedOptions(
    {
      /** Learning rate (eta), at least 0: the one hyper-parameter without a default. */
      learningRate: learningRateOption(new RequiredOption('give a number such as 0.1')),
      /** Momentum (mu), 0 <= momentum < 1. Default: 0. */
      momentum: momentumOption(0),
      /** How much less than 1 a gradient weighs in the momentum buffer, 0 to 1. Default: 0. */
      dampening: numberOption(
        { atLeast: 0, atMost: 1 },
        {
          default: 0,
          meaning: 'how much less than 1 a gradient weighs in the momentum',
          ofGroup: true,
        },
      ),
      /** Nesterov's momentum; needs a positive momentum and no dampening. Default: false. */
      nesterov: flagOption({
        default: false,
        meaning: "Nesterov's form of the momentum",
        label: "Nesterov's momentum",
        ofGroup: true,
      }),
    },
    givenLearningRateOptions,
    {},
  ),
  configure({ nesterov, momentum, dampening }, settings, largest) {
    if (nesterov && (settings.momentum === 0 || settings.dampening !== 0)) {
      throw new RangeError(
        'Sgd: nesterov must be false where momentum is 0 or dampening is not, and momentum is ' +
          `${momentum}, dampening ${dampening}.`,
      );
    }
    return { rule: largest.momentum === 0 ? sgd : sgdMomentum };
  },
}) {}

register(Sgd);
