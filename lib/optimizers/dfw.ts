import { RequiredOption } from '../options/option.js';
import {
  epsilonOption,
  learningRateOption,
  momentumOption,
  weightDecayOption,
} from '../options/shared.js';
import { dfw, dfwMomentum } from '../rules/dfw.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Dfw}; defaults are those of the published code.
 *
 * @interface
 */
export type DfwOptions = OptionsOf<typeof Dfw>;

/**
 * The Deep Frank-Wolfe optimiser ("Deep Frank-Wolfe For Neural Network Optimization", Berrada,
 * Zisserman and Kumar, ICLR 2019): the step size gamma in [0, 1] is the optimal one of a
 * Frank-Wolfe step on the proximal problem. The paper minimises a hinge loss ({@link hinge},
 * {@link smoothedHinge}); the loss is handed over without the regulariser, which `weightDecay` is.
 * `lastStep.stepSize` is gamma, `clipped` whether it was brought back to [0, 1].
 */
export class Dfw extends optimizerOf({
  name: 'dfw',
  className: 'Dfw',
  title: 'DFW',
  source: 'Berrada et al.',
  formula:
    'w -= eta (r + gamma g), r = lambda w; gamma = clip to [0, 1] of ' +
    '(l - eta <g, r>) / (eta |g|^2 + epsilon)',
  rules: [dfw, dfwMomentum],
  options: {
    /**
     * Learning rate of the proximal problem (eta), the one hyper-parameter to choose: at least 0,
     * often a power of ten such as 0.1.
     */
    learningRate: learningRateOption(new RequiredOption('give a number such as 0.1')),
    /** Nesterov momentum (mu), 0 <= momentum < 1; the paper takes 0.9. Default: 0. */
    momentum: momentumOption(0),
    /** Factor of the regulariser weightDecay / 2 |w|^2 (lambda), at least 0. Default: 0. */
    weightDecay: weightDecayOption(0),
    /** Added to the denominator of the step size, at least 0. Default: 1e-5. */
    epsilon: epsilonOption(1e-5, 'added to the denominator of the step size'),
  },
  configure: (_values, _settings, largest) => ({
    rule: largest.momentum === 0 ? dfw : dfwMomentum,
  }),
}) {}

register(Dfw);
