import { l2Ball } from '../constraints/l2-ball.js';
import { checkOptionNames, checkSetting } from '../step/settings.js';
import { AliG, type AliGOptions } from './alig.js';

/** Hyper-parameters of 'alig': those of {@link AliG}, with the ball by its radius. */
export interface AliGHyperParameters extends Omit<AliGOptions, 'constraint'> {
  /** Radius of the L2 ball (max_norm), or null for no constraint. Default: null. */
  maxNorm?: number | null;
}

const makers = {
  alig(hyperParameters: AliGHyperParameters): AliG {
    const owner = "createOptimizer('alig')";
    checkOptionNames(owner, hyperParameters, [
      'maxLearningRate',
      'momentum',
      'epsilon',
      'lowerBound',
      'adjustedMomentum',
      'maxNorm',
    ]);
    const { maxNorm = null, ...options } = hyperParameters;
    const radius = checkSetting(owner, 'maxNorm', maxNorm);
    return new AliG({ ...options, constraint: radius === null ? null : l2Ball(radius) });
  },
};

/** Hyper-parameters by the name of the optimiser. */
export interface HyperParameters {
  alig: AliGHyperParameters;
}

/** Optimisers by their name. */
export interface OptimizersByName {
  alig: AliG;
}

/**
 * Makes an optimiser by name, for tables of experiments. Known names: 'alig'.
 *
 * @throws RangeError for an unknown name, and as the optimiser's constructor does.
 */
export function createOptimizer<Name extends keyof HyperParameters>(
  name: Name,
  hyperParameters: HyperParameters[Name],
): OptimizersByName[Name] {
  if (!Object.hasOwn(makers, name)) {
    throw new RangeError(
      `createOptimizer: name must be one of ${Object.keys(makers).join(', ')}, not '${name}'.`,
    );
  }
  return makers[name](hyperParameters);
}
