/** What a constraint asks of a step. */
import type { Tensor, Variable } from '@tensorflow/tfjs-core';

/**
 * A projection of one's own: called after each step that was taken, and once before the first one,
 * with all variables that the optimiser has been given so far. It gives each variable that is
 * outside of the feasible set a new value (`variable.assign`), and leaves those inside as they are.
 */
export type ConstraintFunction = (variables: readonly Variable[]) => void;

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

export const noProjection: Projection = { maxNorm: Infinity, pass: null, functionMissing: false };

/** A pass over each variable for itself; `project` is called in tf.tidy. */
export function tensorProjection(project: (values: Tensor) => Tensor): Projection {
  return { ...noProjection, pass: { kind: 'tensors', project } };
}

/** A constraint that models are saved with: all that the package knows of it beside its type. */
export interface ConstraintKind<ClassName extends string = string> {
  /** In saved models. */
  readonly className: ClassName;
  /** As it is written in a program. */
  readonly written: string;
  /**
   * What a constraint with this configuration, which may come from a file, asks of a step.
   *
   * @throws RangeError for numbers out of range.
   */
  projection(config: Readonly<Record<string, unknown>>): Projection;
}
