/** The feasible sets that an optimiser keeps its variables in. */
import type { serialization } from '@tensorflow/tfjs-core';
import { functionMarker, isFunctionMarker } from '../values/function-marker.js';
import { shown } from '../values/shown.js';
import { boxKind, nonNegativeKind, type Box, type NonNegative } from './box.js';
import { l2BallKind, type L2Ball } from './l2-ball.js';
import { noneKind, type None } from './none.js';
import {
  noProjection,
  type ConstraintFunction,
  type ConstraintKind,
  type Projection,
} from './projection.js';
import { simplexKind, type Simplex } from './simplex.js';

type NamedConstraint = L2Ball | None | Box | NonNegative | Simplex;

/**
 * A feasible set. `l2Ball(radius)` is part of the fused step; the others (`box(lower, upper)`,
 * `nonNegative`, `simplex` and functions) are a pass of its own over all variables, by ops of
 * TensorFlow.js, after it. `none` and null: no constraint.
 */
export type Constraint = NamedConstraint | ConstraintFunction;

/** By their names in saved models; the compiler asks for one of each. */
const kinds: { readonly [Name in NamedConstraint['className']]: ConstraintKind<Name> } = {
  L2Ball: l2BallKind,
  Box: boxKind,
  NonNegative: nonNegativeKind,
  Simplex: simplexKind,
  None: noneKind,
};

/** All that have a name. */
export const constraintKinds: readonly ConstraintKind[] = Object.values(kinds);

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
    config?: Readonly<Record<string, unknown>> | null;
  };
  const kind = constraintKinds.find((each) => each.className === className);
  if (kind) return kind.projection(config ?? {});
  throw new TypeError(
    `${owner}: constraint must be ${constraintKinds.map(({ written }) => written).join(', ')}, a ` +
      `function of the variables, or null, not ${shown(constraint)}.`,
  );
}

/** A constraint as JSON can hold it. */
export function savedConstraint(constraint: Constraint | null): serialization.ConfigDict | null {
  if (constraint === null) return null;
  if (typeof constraint === 'function') return { ...functionMarker };
  return { className: constraint.className, config: { ...constraint.config } };
}
