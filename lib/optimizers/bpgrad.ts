import { RequiredOption } from '../options/option.js';
import {
  epsilonOption,
  learningRateOption,
  momentumOption,
  weightDecayOption,
} from '../options/shared.js';
import { bpGrad, bpGradMomentum } from '../rules/bpgrad.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link BPGrad}; defaults are those of the published code.
 *
 * @interface
 */
export type BPGradOptions = OptionsOf<typeof BPGrad>;

/**
 * The BPGrad optimiser ("BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning",
 * Zhang, Wu and Wang, CVPR 2018): SGD with a step of learningRate s g, where s = loss / (|g| +
 * epsilon). The loss is handed over without the penalty, which `weightDecay` is.
 * `lastStep.stepSize` is s; it is never clipped. Without momentum it steps as well, which the
 * published code does not.
 */
export class BPGrad extends optimizerOf({
  name: 'bpgrad',
  className: 'BPGrad',
  title: 'BPGrad',
  source: 'Zhang et al.',
  formula: 'v = mu v - eta l / (|g| + epsilon) g; w += v',
  rules: [bpGrad, bpGradMomentum],
  options: {
    /** Learning rate (eta), at least 0: 1 / L for a loss of Lipschitz constant L. */
    learningRate: learningRateOption(new RequiredOption('give a number such as 0.1')),
    /** Momentum (mu), 0 <= momentum < 1; the paper takes 0.9. Default: 0. */
    momentum: momentumOption(0),
    /** Factor of the penalty weightDecay / 2 |w|^2 in the loss (lambda), at least 0. Default: 0. */
    weightDecay: weightDecayOption(0),
    /** Added to the norm of the gradient, at least 0. Default: 1e-5. */
    epsilon: epsilonOption(1e-5, 'added to the norm of the gradient'),
  },
  configure: (_values, _settings, largest) => ({
    rule: largest.momentum === 0 ? bpGrad : bpGradMomentum,
  }),
}) {}

register(BPGrad);
