import { flagOption, numberOption, mergedOptions } from '../options/option.js';
import {
  averageOption,
  averageWeight,
  epsilonOption,
  learningRateOption,
  momentumOption,
  notNegative,
  ofGroup,
} from '../options/shared.js';
import {
  rmsProp,
  rmsPropCentered,
  rmsPropCenteredMomentum,
  rmsPropMomentum,
} from '../rules/rmsprop.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { givenLearningRateOptions } from './given-learning-rate.js';
import { register } from './registered-classes.js';
import { rootEpsilons, rootPlacementOption } from './root-epsilon.js';

/**
 * Options of {@link RmsProp}.
 *
 * @interface
 */
export type RmsPropOptions = OptionsOf<typeof RmsProp>;

/**
 * RMSProp ("Lecture 6.5", Tieleman and Hinton): each element of the gradient is divided by the root
 * of the average of its squares; centered ("Generating Sequences With Recurrent Neural Networks",
 * Graves): by an estimate of its standard deviation.
 */
export class RmsProp extends optimizerOf({
  name: 'rmsprop',
  className: 'RmsProp',
  title: 'RMSProp',
  source: 'Tieleman and Hinton',
  formula: 'v average of g^2; w -= eta g / (sqrt(v) + epsilon); momentum, centered',
  rules: [rmsProp, rmsPropMomentum, rmsPropCentered, rmsPropCenteredMomentum],
  options: mergedOptions(
    {
      /** Learning rate (eta), at least 0. Default: 1e-2. */
      learningRate: learningRateOption(1e-2),
    },
    givenLearningRateOptions,
    {
      /** Keeps the step finite where the average is small, at least 0. Default: 1e-8. */
      epsilon: ofGroup(epsilonOption(1e-8, 'added to the root of the average of squares')),
      /**
       * Where epsilon is added, and which library's momentum is used: 'outsideSquareRoot' (or 'none')
       * as in PyTorch, where the learning rate multiplies the momentum buffer, or 'insideSquareRoot' as
       * in TensorFlow, where it multiplies what enters the buffer. Default: 'outsideSquareRoot'.
       */
      epsilonPlacement: rootPlacementOption(),
      /** Decay rate of the averages (rho; PyTorch's alpha), 0 <= decay < 1. Default: 0.99. */
      decay: ofGroup(averageOption(0.99, 'decay rate of the average of squares', 'rho')),
      /** Momentum (mu), 0 <= momentum < 1. Default: 0. */
      momentum: momentumOption(0),
      /** Whether the square of the average gradient is taken off the average square. Default: false. */
      centered: flagOption({
        default: false,
        meaning: 'take the variance in place of the average of squares',
        label: 'centred',
      }),
      /** Where the averages of squares start, at least 0; 1 in TensorFlow 1. Default: 0. */
      initialSquareAverage: numberOption(notNegative, {
        default: 0,
        meaning: 'where the average of squares starts',
      }),
    },
  ),
  configure({ decay, centered, epsilonPlacement }, { epsilon, initialSquareAverage }, largest) {
    const [plain, withMomentum] = centered
      ? [rmsPropCentered, rmsPropCenteredMomentum]
      : [rmsProp, rmsPropMomentum];
    return {
      rule: largest.momentum === 0 ? plain : withMomentum,
      settings: {
        averageWeight: averageWeight(decay),
        ...rootEpsilons(epsilon, epsilonPlacement),
        rateInsideMomentum: Number(epsilonPlacement === 'insideSquareRoot'),
      },
      initialState: { squareAverage: initialSquareAverage },
    };
  },
}) {}

register(RmsProp);
