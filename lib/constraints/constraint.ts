/** The feasible sets that an optimiser keeps its variables in. */
import type { serialization, Tensor, Variable } from '@tensorflow/tfjs-core';
import { functionMarker, isFunctionMarker } from './function-marker.js';
import { shown } from '../step/settings.js';
import { box, clipped, type Box, type NonNegative } from './box.js';
import { l2Ball, type L2Ball } from './l2-ball.js';
import type { None } from './none.js';
import { projectedOnSimplex, type Simplex } from './simplex.js';

/**
 * A projection of one's own: called after each step that was taken, and once before the first one,
 * with all variables that the optimiser has been given so far. It gives each variable that is
 * outside of the feasible set a new value (`variable.assign`), and leaves those inside as they are.
 */
export type ConstraintFunction = (variables: readonly Variable[]) => void;

/**
 * A feasible set. `l2Ball(radius)` is part of the fused step; the others (`box(lower, upper)`,
 * `nonNegative`, `simplex` and functions) are a pass of its own over all variables, by ops of
 * TensorFlow.js, after it. `none` and null: no constraint.
 */
export type Constraint = L2Ball | None | Box | NonNegative | Simplex | ConstraintFunction;

/** A constraint as a step applies it. */
export interface Projection {
  /** Radius of the L2 ball of the fused step; Infinity: none. */
  readonly maxNorm: number;
  /** The pass after the step, or null. */
  readonly pass:
    | { readonly kind: 'tensors'; readonly project: (values: Tensor) => Tensor }
    | { readonly kind: 'function'; readonly project: ConstraintFunction }
    | null;
  /** The constraint was a function, and that was not saved. */
  readonly functionMissing: boolean;
}

const noProjection: Projection = { maxNorm: Infinity, pass: null, functionMissing: false };

function tensorProjection(project: (values: Tensor) => Tensor): Projection {
  return { ...noProjection, pass: { kind: 'tensors', project } };
}

/**
 * What a constraint asks of a step; takes what getConfig saved as well.
 *
 * @throws TypeError for anything else, RangeError for numbers out of range.
 */
export function projectionOf(owner: string, constraint: unknown): Projection {
  if (constraint === null) return noProjection;
  if (typeof constraint === 'function') {
    const project = constraint as ConstraintFunction;
    return { ...noProjection, pass: { kind: 'function', project } };
  }
  if (isFunctionMarker(constraint)) return { ...noProjection, functionMissing: true };
  const { className, config } = (constraint ?? {}) as {
    className?: unknown;
    config?: Partial<Record<'radius' | 'lower' | 'upper', never>>;
  };
  switch (className) {
    case 'None':
      return noProjection;
    case 'L2Ball': {
      const { radius } = l2Ball(config?.radius as unknown as number).config;
      return { ...noProjection, maxNorm: Math.fround(radius) };
    }
    case 'Box': {
      const { lower, upper } = (config ?? {}) as { lower: number; upper: number };
      const bounds = box(lower, upper).config;
      return tensorProjection((values) => clipped(bounds, values));
    }
    case 'NonNegative':
      return tensorProjection((values) => clipped({ lower: 0, upper: null }, values));
    case 'Simplex':
      return tensorProjection(projectedOnSimplex);
    default:
      throw new TypeError(
        `${owner}: constraint must be l2Ball(radius), box(lower, upper), nonNegative, simplex, a ` +
          `function of the variables, or none or null, not ${shown(constraint)}.`,
      );
  }
}

/** A constraint as JSON can hold it. */
export function savedConstraint(constraint: Constraint | null): serialization.ConfigDict | null {
  if (constraint === null) return null;
  if (typeof constraint === 'function') return { ...functionMarker };
  return { className: constraint.className, config: { ...constraint.config } };
}
