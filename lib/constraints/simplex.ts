import {
  add,
  cast,
  cumsum,
  div,
  greater,
  max,
  mul,
  range,
  relu,
  reshape,
  sub,
  sum,
  topk,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { tensorProjection, type ConstraintKind } from './projection.js';

/** The probability simplex, for each variable as a whole. Made as {@link simplex}. */
export interface Simplex {
  readonly className: 'Simplex';
  readonly config: Readonly<Record<string, never>>;
}

/**
 * The constraint that the elements of each variable are at least 0 and sum to 1. It holds for the
 * whole of each variable, whatever its shape: a matrix is one distribution, not one a row; keep
 * several distributions in several variables. The projection sorts the elements and is a pass of
 * its own after the fused step. A variable without elements is left alone.
 */
export const simplex: Simplex = { className: 'Simplex', config: {} };

/**
 * The nearest point of the simplex: max(v - theta, 0), with theta such that the sum is 1. Found
 * after sorting, as in figure 1 of "Efficient Projections onto the l1-Ball for Learning in High
 * Dimensions" (Duchi et al., 2008). Call it in tf.tidy.
 */
function projectedOnSimplex(values: Tensor): Tensor {
  const { size } = values;
  if (size === 0) return values;
  // Moving all elements by the same number moves theta by it. With the largest at 0 those that stay
  // positive are above -1, so that the sums keep their digits in float32.
  const shifted = sub(values, max(values));
  const { values: sorted } = topk(reshape(shifted, [size]), size, true);
  // Element j of the sorted ones stays positive where j * element > sum of the first j - 1.
  const positions = range(1, size + 1, 1, 'float32');
  const staysPositive = cast(greater(mul(positions, sorted), sub(cumsum(sorted), 1)), 'float32');
  const theta = div(sub(sum(mul(sorted, staysPositive)), 1), sum(staysPositive));
  // Newton's step for theta takes off what rounding made of the sum.
  const remaining = relu(sub(shifted, theta));
  const count = sum(cast(greater(remaining, 0), 'float32'));
  return relu(sub(shifted, add(theta, div(sub(sum(remaining), 1), count))));
}

export const simplexKind: ConstraintKind<Simplex['className']> = {
  className: 'Simplex',
  written: 'simplex',
  projection: () => tensorProjection(projectedOnSimplex),
};
