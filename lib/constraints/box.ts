import { maximum, minimum, type Tensor } from '@tensorflow/tfjs-core';
import { checkNumber } from '../options/option.js';
import { shown } from '../values/shown.js';
import { tensorProjection, type ConstraintKind } from './projection.js';

/** The set lower <= w <= upper, for each element of each variable. Made by {@link box}. */
export interface Box {
  readonly className: 'Box';
  readonly config: { readonly lower: number | null; readonly upper: number | null };
}

/** The set w >= 0, for each element of each variable. Made as {@link nonNegative}. */
export interface NonNegative {
  readonly className: 'NonNegative';
  readonly config: Readonly<Record<string, never>>;
}

/**
 * The constraint that each element of each variable is at least `lower` and at most `upper`. The
 * projection, which clips each element, is a pass of its own after the fused step.
 *
 * @param lower A finite number, or null for no lower bound.
 * @param upper A finite number not less than `lower`, or null for no upper bound.
 * @throws RangeError for other values.
 */
export function box(lower: number | null, upper: number | null): Box {
  checkNumber('box', 'lower', lower, { none: 'no lower bound' });
  checkNumber('box', 'upper', upper, { none: 'no upper bound' });
  if (lower !== null && upper !== null && lower > upper) {
    throw new RangeError(
      `box: lower must not be greater than upper, ${shown(upper)}, but is ${shown(lower)}.`,
    );
  }
  return { className: 'Box', config: { lower, upper } };
}

/**
 * The constraint that no element of any variable is negative: {@link box}(0, null) by a name of its
 * own.
 */
export const nonNegative: NonNegative = { className: 'NonNegative', config: {} };

/** Each element clipped to the interval. Call it in tf.tidy. */
function clipped({ lower, upper }: Box['config'], values: Tensor): Tensor {
  const raised = lower === null ? values : maximum(values, lower);
  return upper === null ? raised : minimum(raised, upper);
}

export const boxKind: ConstraintKind<Box['className']> = {
  className: 'Box',
  written: 'box(lower, upper)',
  projection: ({ lower, upper }) => {
    const { config } = box(lower as number | null, upper as number | null);
    return tensorProjection((values) => clipped(config, values));
  },
};

export const nonNegativeKind: ConstraintKind<NonNegative['className']> = {
  className: 'NonNegative',
  written: 'nonNegative',
  projection: () => boxKind.projection({ lower: 0, upper: null }),
};
