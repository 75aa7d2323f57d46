import { serialization, type Scalar } from '@tensorflow/tfjs-core';
import { functionMarker, isFunctionMarker } from '../constraints/function-marker.js';
import { aliGRuleSettings } from '../step/alig-step.js';
import { checkSetting, shown } from '../step/settings.js';
import { completeOptions, RequiredOption, type Complete, type Defaults } from './options.js';
import {
  commonDefaults,
  RuleOptimizer,
  type CommonOptions,
  type RuleConfiguration,
} from './rule-optimizer.js';

/** The full loss at the current values of the variables. */
export type Objective = () => number | Scalar;

/** Options of {@link Polyak} and {@link ObermanPrazeres}. */
export interface PolyakOptions extends CommonOptions {
  /**
   * Gives the full loss (f), over all samples, at the current values of the variables. Called once
   * before each step; a tensor that it gives is disposed of.
   */
  objective: Objective;
  /** The smallest value that the full loss can have (f*). Default: 0. */
  optimalValue?: number;
}

/** The options as they are kept: the objective may be missing. */
type KeptOptions = Omit<Complete<PolyakOptions>, 'objective'> & {
  readonly objective: Objective | typeof functionMarker;
};

const defaults: Defaults<PolyakOptions> = {
  objective: new RequiredOption('give a function that computes the full loss'),
  optimalValue: 0,
  ...commonDefaults,
};

function checkObjective(
  owner: string,
  objective: unknown,
): asserts objective is KeptOptions['objective'] {
  if (typeof objective === 'function' || isFunctionMarker(objective)) return;
  throw new TypeError(
    `${owner}: objective must be a function that gives the full loss, not ${shown(objective)}.`,
  );
}

/** SGD with Polyak's step size, whose loss is not the one handed over but that of an objective. */
abstract class PolyakStepSize extends RuleOptimizer<KeptOptions> {
  protected constructor(
    private readonly name: string,
    options: PolyakOptions,
  ) {
    const complete: KeptOptions = completeOptions(name, options, defaults);
    checkObjective(name, complete.objective);
    super(name, complete, ({ optimalValue }): RuleConfiguration => {
      // ALI-G's step size without a maximal learning rate is Polyak's.
      return aliGRuleSettings(name, {
        maxLearningRate: null,
        momentum: 0,
        epsilon: 0,
        lowerBound: checkSetting(name, 'optimalValue', optimalValue),
        adjustedMomentum: false,
      });
    });
    this.computeLoss = () => {
      const { objective } = this.options;
      if (isFunctionMarker(objective)) {
        throw new Error(
          `${name}: objective is missing; a saved optimiser does not hold the function: set ` +
            'optimizer.objective before the first step.',
        );
      }
      return objective();
    };
  }

  /** Gives the full loss; null after loading, until it is set. May be set between steps. */
  get objective(): Objective | null {
    const { objective } = this.options;
    return isFunctionMarker(objective) ? null : objective;
  }

  set objective(value: Objective | null) {
    checkObjective(this.name, value);
    this.change({ objective: value });
  }

  /** The smallest value that the full loss can have (f*). May be set between steps. */
  get optimalValue(): number {
    return this.options.optimalValue;
  }

  set optimalValue(value: number) {
    this.change({ optimalValue: value });
  }

  /** As {@link RuleOptimizer.getConfig}; the objective is not in it, and has to be set again. */
  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), objective: { ...functionMarker } };
  }
}

/**
 * Gradient descent with Polyak's step size (f(w) - f*) / |g|^2 and projection ("Minimization of
 * unsmooth functionals", Polyak 1969): g is the gradient of the full loss f, whose smallest value
 * is known.
 *
 *     const objective = () => loss(allSamples);
 *     const optimizer = new Polyak({objective, constraint: l2Ball(10)});
 *     optimizer.minimize(objective);
 *
 * The loss that `minimize` computes or `applyGradients` is given is not used.
 */
export class Polyak extends PolyakStepSize {
  /** @nocollapse */
  static readonly className = 'Polyak';

  /** @throws TypeError for an unknown or missing option, RangeError for a value out of range. */
  constructor(options: PolyakOptions) {
    super(Polyak.className, options);
  }
}

/**
 * SGD with the step size of "Stochastic Gradient Descent with Polyak's Learning Rate" (Oberman and
 * Prazeres 2019): (f(w) - f*) / |g|^2, where g is the gradient of a mini-batch and f the full loss.
 *
 *     const optimizer = new ObermanPrazeres({objective: () => loss(allSamples)});
 *     optimizer.minimize(() => loss(miniBatch));
 *
 * The loss that `minimize` computes or `applyGradients` is given is not used.
 */
export class ObermanPrazeres extends PolyakStepSize {
  /** @nocollapse */
  static readonly className = 'ObermanPrazeres';

  /** @throws TypeError for an unknown or missing option, RangeError for a value out of range. */
  constructor(options: PolyakOptions) {
    super(ObermanPrazeres.className, options);
  }
}

serialization.registerClass(Polyak);
serialization.registerClass(ObermanPrazeres);
