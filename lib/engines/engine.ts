import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { DeferredOutcome, StepReport } from '../step/report.js';
import type { StepSettings } from '../step/settings.js';

/** One step over tensors of the current backend; everything in it has been checked. */
export interface TensorStep {
  readonly variables: readonly Variable[];
  /** One entry a variable; null: no gradient in this step. All null: the projection alone. */
  readonly gradients: readonly (Tensor | null)[];
  /** One entry a variable; null without momentum. */
  readonly velocities: readonly Tensor[] | null;
  /** The velocities came out of an earlier step and nobody else has seen them. */
  readonly velocitiesInPlace: boolean;
  readonly loss: number | Tensor;
  readonly settings: StepSettings;
}

export interface TensorStepOutcome {
  /** Of status 'taken', or not: an engine does not throw for numbers that are not finite. */
  readonly report: StepReport;
  /**
   * Where the device may not have finished, what is known when it has: the report throws a
   * NonFiniteError itself then, when a field is read. Null: the report is complete.
   */
  readonly deferred: DeferredOutcome | null;
  /** Null where there are none, where they were written in place or the step was refused. */
  readonly newVelocities: Tensor[] | null;
}

/**
 * Makes one step and assigns the new values to the variables.
 *
 * NOTE [parameters are never written in place]
 * A step gives new tensors, and Variable.assign swaps them in. The buffer behind a parameter may
 * be the user's own: TensorFlow shares aligned typed arrays, reshape and clone share buffers
 * whatever the reference count says, and the cpu backend's dataSync hands out the real array.
 */
export type TensorEngine = (step: TensorStep) => TensorStepOutcome;

/** Assigns a new value and gives up the tensor that brought it. */
export function replaceValue(variable: Variable, value: Tensor): void {
  variable.assign(value);
  value.dispose();
}
