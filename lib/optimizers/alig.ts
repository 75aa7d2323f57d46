import { flagOption, numberOption, RequiredOption } from '../options/option.js';
import { epsilonOption, finite, maxLearningRateOption, momentumOption } from '../options/shared.js';
import { aliG, aliGAdjusted, aliGNesterov } from '../rules/alig.js';
import { aliGRule } from '../step/alig-step.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link AliG}.
 *
 * @interface
 */
export type AliGOptions = OptionsOf<typeof AliG>;

/**
 * The ALI-G optimiser: SGD with Nesterov momentum whose step size is computed from the loss at
 * each step, min(loss / (|g|^2 + epsilon), maxLearningRate), so that no schedule has to be tuned
 * (Algorithm 1 of "Training Neural Networks for and by Interpolation").
 *
 *     model.compile({optimizer: new AliG({maxLearningRate: 0.1}), loss: 'categoricalCrossentropy'});
 *
 * It is a `tf.Optimizer`: give it to `model.compile`, call `minimize`, or compute gradients
 * yourself and call `applyGradients(gradients, {loss})`. The loss must be the quantity that can
 * reach `lowerBound`: regularise with `constraint`, not with regularisers, whose penalty tfjs adds
 * to the loss ({@link assertNoRegularizers}). One gradient norm (unless `normScope` is 'group')
 * and one constraint cover all variables together.
 */
export class AliG extends optimizerOf({
  name: 'alig',
  className: 'AliG',
  title: 'ALI-G',
  source: 'the paper',
  formula: 'gamma = min((l - lowerBound) / (|g|^2 + epsilon), eta); Nesterov',
  rules: [aliG, aliGNesterov, aliGAdjusted],
  options: {
    /**
     * Maximal learning rate (eta in the paper), the one hyper-parameter to choose: positive, often a
     * power of ten such as 0.1. Null: none (ALI-G-infinity). A schedule may set it to 0 between steps.
     */
    maxLearningRate: maxLearningRateOption(
      new RequiredOption(
        'give a positive number such as 0.1, or null for no maximal learning rate (ALI-G-infinity)',
      ),
    ),
    /** Nesterov momentum (mu), 0 <= momentum < 1. Default: 0.9. */
    momentum: momentumOption(0.9, "Nesterov's momentum"),
    /** Added to the squared gradient norm (delta), at least 0. Default: 1e-5. */
    epsilon: epsilonOption(1e-5, 'added to the squared gradient norm', 'delta'),
    /** Lower bound of the loss, 0 for losses that can be interpolated. Default: 0. */
    lowerBound: numberOption(finite, {
      default: 0,
      meaning: 'smallest loss that can be reached',
    }),
    /** Velocities average gradients instead of steps. Default: false. */
    adjustedMomentum: flagOption({
      default: false,
      meaning: "scale the momentum's part of the update by the step size",
    }),
  },
  configure: ({ adjustedMomentum }, _, { momentum }) => ({
    rule: aliGRule(momentum, adjustedMomentum),
  }),
}) {}

register(AliG);
