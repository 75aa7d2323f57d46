import { numberOption, mergedOptions } from '../options/option.js';
import { epsilonOption, learningRateOption, notNegative, ofGroup } from '../options/shared.js';
import { adaGrad } from '../rules/adagrad.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { givenLearningRateOptions } from './given-learning-rate.js';
import { register } from './registered-classes.js';
import { rootEpsilons, rootPlacementOption } from './root-epsilon.js';

/**
 * Options of {@link AdaGrad}.
 *
 * @interface
 */
export type AdaGradOptions = OptionsOf<typeof AdaGrad>;

/**
 * AdaGrad ("Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", Duchi,
 * Hazan and Singer): each element of the gradient is divided by the root of the sum of its squares.
 */
export class AdaGrad extends optimizerOf({
  name: 'adagrad',
  className: 'AdaGrad',
  title: 'AdaGrad',
  source: 'Duchi et al.',
  formula: 'a += g^2; w -= eta g / (sqrt(a) + epsilon)',
  rules: [adaGrad],
  options: mergedOptions(
    {
      /** Learning rate (eta), at least 0. Default: 1e-2. */
      learningRate: learningRateOption(1e-2),
    },
    givenLearningRateOptions,
    {
      /** Keeps the step finite where the accumulator is small, at least 0. Default: 1e-10. */
      epsilon: ofGroup(epsilonOption(1e-10, 'added to the root of the sum of squares')),
      /**
       * Where epsilon is added: 'outsideSquareRoot' as in PyTorch, 'insideSquareRoot', or 'none' as in
       * TensorFlow 1. Default: 'outsideSquareRoot'.
       */
      epsilonPlacement: rootPlacementOption(),
      /** Step t has the learning rate eta / (1 + (t - 1) learningRateDecay). At least 0. Default: 0. */
      learningRateDecay: numberOption(notNegative, {
        default: 0,
        meaning: 'by which the learning rate falls: 1 / (1 + decay * step)',
        label: 'learning-rate decay',
        ofGroup: true,
      }),
      /** Where the sums of squares start, at least 0; 0.1 in TensorFlow. Default: 0. */
      initialAccumulator: numberOption(notNegative, {
        default: 0,
        meaning: 'where the sum of squares starts',
      }),
    },
  ),
  configure: ({ epsilonPlacement }, { epsilon, initialAccumulator }) => ({
    rule: adaGrad,
    settings: rootEpsilons(epsilon, epsilonPlacement),
    initialState: { accumulator: initialAccumulator },
  }),
}) {}

register(AdaGrad);
