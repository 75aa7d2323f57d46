import { serialization } from '@tensorflow/tfjs-core';
import { aliGRuleSettings } from '../step/alig-step.js';
import { completeOptions, RequiredOption, type Complete, type Defaults } from './options.js';
import {
  commonDefaults,
  RuleOptimizer,
  type CommonOptions,
  type RuleConfiguration,
} from './rule-optimizer.js';

const owner = 'AliG';

/** Options of {@link AliG}. */
export interface AliGOptions extends CommonOptions {
  /**
   * Maximal learning rate (eta in the paper), the one hyper-parameter to choose: positive, often a
   * power of ten such as 0.1. Null: none (ALI-G-infinity). A schedule may set it to 0 between steps.
   */
  maxLearningRate: number | null;
  /** Nesterov momentum (mu), 0 <= momentum < 1. Default: 0.9. */
  momentum?: number;
  /** Added to the squared gradient norm (delta), at least 0. Default: 1e-5. */
  epsilon?: number;
  /** Lower bound of the loss, 0 for losses that can be interpolated. Default: 0. */
  lowerBound?: number;
  /** Velocities average gradients instead of steps. Default: false. */
  adjustedMomentum?: boolean;
}

const defaults: Defaults<AliGOptions> = {
  maxLearningRate: new RequiredOption(
    'give a positive number such as 0.1, or null for no maximal learning rate (ALI-G-infinity)',
  ),
  momentum: 0.9,
  epsilon: 1e-5,
  lowerBound: 0,
  adjustedMomentum: false,
  ...commonDefaults,
};

function configurationOf(options: Complete<AliGOptions>): RuleConfiguration {
  return aliGRuleSettings(owner, options);
}

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
export class AliG extends RuleOptimizer<Complete<AliGOptions>> {
  /** @nocollapse */
  static readonly className = 'AliG';

  /**
   * @throws TypeError for an unknown or missing option, RangeError for a value out of range.
   */
  constructor(options: AliGOptions) {
    super(owner, completeOptions(owner, options, defaults), configurationOf);
    // As the published constructor: it is a mistake to begin with.
    if (Math.fround(options.maxLearningRate ?? Infinity) === 0) {
      throw new RangeError(
        `${owner}: maxLearningRate must be a positive number, or null for no maximal learning rate ` +
          `(ALI-G-infinity), not ${String(options.maxLearningRate)}; between steps it may be set to 0.`,
      );
    }
  }

  /** As of every optimiser here; takes the rate 0 of one that was saved at the end of a schedule. */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const rate = config['maxLearningRate'];
    if (rate !== 0) return super.fromConfig(cls, config);
    const optimizer = super.fromConfig(cls, { ...config, maxLearningRate: null });
    (optimizer as unknown as AliG).maxLearningRate = rate;
    return optimizer;
  }

  /** Maximal learning rate (eta), null for none. May be set between steps. */
  get maxLearningRate(): number | null {
    return this.options.maxLearningRate;
  }

  set maxLearningRate(value: number | null) {
    this.change({ maxLearningRate: value });
  }
}

serialization.registerClass(AliG);
