import { l2Ball } from '../constraints/l2-ball.js';
import { checkOption } from '../options/option.js';
import { maxNormOption } from '../options/shared.js';
import { AdaGrad } from './adagrad.js';
import { Adam, AdamW, AmsGrad } from './adam.js';
import { AliG } from './alig.js';
import { Aprox } from './aprox.js';
import { BPGrad } from './bpgrad.js';
import type { OptionsOf } from './optimizer-of.js';
import { Dfw } from './dfw.js';
import { L4Adam, L4Mom } from './l4.js';
import { Momo, MomoAdam } from './momo.js';
import { ObermanPrazeres, Polyak } from './polyak.js';
import { RmsProp } from './rmsprop.js';
import { Sgd } from './sgd.js';
import { Sps } from './sps.js';
import { Yogi } from './yogi.js';

/** The classes of all optimisers, in the order in which tables have them. */
const classes = [
  AliG,
  Sgd,
  Adam,
  AmsGrad,
  AdamW,
  Yogi,
  AdaGrad,
  RmsProp,
  Aprox,
  Dfw,
  BPGrad,
  Sps,
  L4Adam,
  L4Mom,
  Momo,
  MomoAdam,
  Polyak,
  ObermanPrazeres,
] as const;

type AnyClass = (typeof classes)[number];

/** The classes by their names. */
export type OptimizerClasses = {
  readonly [Class in AnyClass as Class['description']['name']]: Class;
};

/** Hyper-parameters by the name of the optimiser: the options of its class. */
export type HyperParameters = {
  [Class in AnyClass as Class['description']['name']]: OptionsOf<Class> & {
    /** The radius of an L2 ball as the constraint, as recorded files have it; null: none. */
    maxNorm?: number | null;
  };
};

/** Optimisers by their name. */
export type OptimizersByName = {
  [Class in AnyClass as Class['description']['name']]: InstanceType<Class>;
};

/** The classes of all optimisers by their names, each with its description. */
export const optimizers = Object.fromEntries(
  classes.map((each) => [each.description.name, each]),
) as OptimizerClasses;

/**
 * Makes an optimiser by name, for tables of experiments: 'alig', 'sgd', 'adam' and the other names of
 * {@link optimizers}.
 *
 * @param hyperParameters The options of its class, or with `maxNorm` for `constraint: l2Ball(maxNorm)`.
 * @throws RangeError for an unknown name, and as the optimiser's constructor does.
 */
export function createOptimizer<Name extends keyof HyperParameters>(
  name: Name,
  hyperParameters: HyperParameters[Name],
): OptimizersByName[Name] {
  if (!Object.hasOwn(optimizers, name)) {
    const names = Object.keys(optimizers).join(', ');
    throw new RangeError(`createOptimizer: name must be one of ${names}, not '${name}'.`);
  }
  const made = optimizers[name] as unknown as new (options: object) => OptimizersByName[Name];
  if (!Object.hasOwn(Object(hyperParameters) as object, 'maxNorm'))
    return new made(hyperParameters);
  const { maxNorm = null, ...options } = hyperParameters as {
    maxNorm?: number | null;
    constraint?: unknown;
  };
  checkOption(`createOptimizer('${name}')`, 'maxNorm', maxNormOption, maxNorm);
  if (maxNorm === null) return new made(options);
  if (options.constraint !== undefined) {
    throw new TypeError(
      `createOptimizer('${name}'): maxNorm ${maxNorm} and a constraint are given; give one of them.`,
    );
  }
  return new made({ ...options, constraint: l2Ball(maxNorm) });
}
