import { checkNumber } from '../options/option.js';
import { positive } from '../options/shared.js';
import { noProjection, type ConstraintKind } from './projection.js';

/** The set |w| <= radius, w all parameters of an optimiser together. Made by {@link l2Ball}. */
export interface L2Ball {
  readonly className: 'L2Ball';
  readonly config: { readonly radius: number };
}

/**
 * The constraint that the Euclidean norm of all parameters of the optimiser together (not of each
 * tensor) is at most `radius`: how ALI-G regularises, in place of weight decay. The projection, one
 * scale for all parameters, is part of the fused step.
 *
 * @param radius r in the paper's section "Regularization", which bounds the squared norm by r; here
 * as in its published code it bounds the norm. Greater than 0; typical values of the paper's
 * experiments are 50 to 100.
 * @throws RangeError where `radius` is not a positive finite number.
 */
export function l2Ball(radius: number): L2Ball {
  checkNumber('l2Ball', 'radius', radius, positive);
  return { className: 'L2Ball', config: { radius } };
}

export const l2BallKind: ConstraintKind<L2Ball['className']> = {
  className: 'L2Ball',
  written: 'l2Ball(radius)',
  projection: (config) => {
    const { radius } = l2Ball(config['radius'] as number).config;
    return { ...noProjection, maxNorm: Math.fround(radius) };
  },
};
