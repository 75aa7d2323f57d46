import { l2Ball } from '../constraints/l2-ball.js';
import { checkOptionNames, checkSetting } from '../step/settings.js';
import { AdaGrad, type AdaGradOptions } from './adagrad.js';
import { Adam, AdamW, AmsGrad, type AdamOptions } from './adam.js';
import { AliG, type AliGOptions } from './alig.js';
import { RmsProp, type RmsPropOptions } from './rmsprop.js';
import { Sgd, type SgdOptions } from './sgd.js';
import { Yogi, type YogiOptions } from './yogi.js';
import { Aprox, type AproxOptions } from './aprox.js';
import { BPGrad, type BPGradOptions } from './bpgrad.js';
import { Dfw, type DfwOptions } from './dfw.js';
import { L4Adam, L4Mom, type L4AdamOptions, type L4MomOptions } from './l4.js';
import { Momo, MomoAdam, type MomoAdamOptions, type MomoOptions } from './momo.js';
import { ObermanPrazeres, Polyak, type PolyakOptions } from './polyak.js';
import { Sps, type SpsOptions } from './sps.js';

/** Hyper-parameters of 'alig': those of {@link AliG}, with the ball by its radius. */
export interface AliGHyperParameters extends Omit<AliGOptions, 'constraint'> {
  /** Radius of the L2 ball (max_norm), or null for no constraint. Default: null. */
  maxNorm?: number | null;
}

/** Hyper-parameters by the name of the optimiser. */
export interface HyperParameters {
  alig: AliGHyperParameters;
  sgd: SgdOptions;
  adam: AdamOptions;
  amsgrad: AdamOptions;
  adamw: AdamOptions;
  yogi: YogiOptions;
  adagrad: AdaGradOptions;
  rmsprop: RmsPropOptions;
  aprox: AproxOptions;
  dfw: DfwOptions;
  bpgrad: BPGradOptions;
  sps: SpsOptions;
  l4adam: L4AdamOptions;
  l4mom: L4MomOptions;
  momo: MomoOptions;
  momoadam: MomoAdamOptions;
  polyak: PolyakOptions;
  obermanprazeres: PolyakOptions;
}

/** Optimisers by their name. */
export interface OptimizersByName {
  alig: AliG;
  sgd: Sgd;
  adam: Adam;
  amsgrad: AmsGrad;
  adamw: AdamW;
  yogi: Yogi;
  adagrad: AdaGrad;
  rmsprop: RmsProp;
  aprox: Aprox;
  dfw: Dfw;
  bpgrad: BPGrad;
  sps: Sps;
  l4adam: L4Adam;
  l4mom: L4Mom;
  momo: Momo;
  momoadam: MomoAdam;
  polyak: Polyak;
  obermanprazeres: ObermanPrazeres;
}

const makers: {
  readonly [Name in keyof HyperParameters]: (
    hyperParameters: HyperParameters[Name],
  ) => OptimizersByName[Name];
} = {
  alig(hyperParameters) {
    const owner = "createOptimizer('alig')";
    checkOptionNames(owner, hyperParameters, [
      'maxLearningRate',
      'momentum',
      'epsilon',
      'lowerBound',
      'adjustedMomentum',
      'groups',
      'onNonFinite',
      'maxSkippedSteps',
      'normScope',
      'maxNorm',
    ]);
    const { maxNorm = null, ...options } = hyperParameters;
    const radius = checkSetting(owner, 'maxNorm', maxNorm);
    return new AliG({ ...options, constraint: radius === null ? null : l2Ball(radius) });
  },
  sgd: (hyperParameters) => new Sgd(hyperParameters),
  adam: (hyperParameters) => new Adam(hyperParameters),
  amsgrad: (hyperParameters) => new AmsGrad(hyperParameters),
  adamw: (hyperParameters) => new AdamW(hyperParameters),
  yogi: (hyperParameters) => new Yogi(hyperParameters),
  adagrad: (hyperParameters) => new AdaGrad(hyperParameters),
  rmsprop: (hyperParameters) => new RmsProp(hyperParameters),
  aprox: (hyperParameters) => new Aprox(hyperParameters),
  dfw: (hyperParameters) => new Dfw(hyperParameters),
  bpgrad: (hyperParameters) => new BPGrad(hyperParameters),
  sps: (hyperParameters) => new Sps(hyperParameters),
  l4adam: (hyperParameters) => new L4Adam(hyperParameters),
  l4mom: (hyperParameters) => new L4Mom(hyperParameters),
  momo: (hyperParameters) => new Momo(hyperParameters),
  momoadam: (hyperParameters) => new MomoAdam(hyperParameters),
  polyak: (hyperParameters) => new Polyak(hyperParameters),
  obermanprazeres: (hyperParameters) => new ObermanPrazeres(hyperParameters),
};

/**
 * Makes an optimiser by name, for tables of experiments. Known names: 'alig', 'sgd', 'adam',
 * 'amsgrad', 'adamw', 'yogi', 'adagrad', 'rmsprop', 'aprox', 'dfw', 'bpgrad', 'sps', 'l4adam',
 * 'l4mom', 'momo', 'momoadam', 'polyak' and 'obermanprazeres'.
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
