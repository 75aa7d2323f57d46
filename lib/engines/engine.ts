import { reshape, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { DeferredOutcome, StepReport } from '../step/report.js';
import type { Suspect } from '../step/non-finite.js';
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

/**
 * The values of a velocity, in an array of their own.
 *
 * NOTE [velocities are read through a fresh handle]
 * On a GPU TensorFlow keeps the host copy of a tensor's first read with the tensor's handle, and a
 * step that writes the velocity in place behind that handle would then be invisible to the next
 * read. A reshape has a handle of its own over the same memory, which has no host copy yet, and is
 * disposed of with the one that it gets. So a handle that is written in place is never read, and
 * this is the only place where velocities are. (A clone would not do: tfjs-node gives it the same
 * handle.)
 */
export async function readVelocity(velocity: Tensor): Promise<Float32Array> {
  const view = reshape(velocity, [velocity.size]);
  try {
    // On the cpu backend this is the real array.
    return (await view.data<'float32'>()).slice();
  } finally {
    view.dispose();
  }
}

/** The tensors of a step that may hold a number that is not finite, by the names of variables. */
export function suspectsOf({ variables, gradients }: TensorStep): {
  gradients: Suspect[];
  parameters: Suspect[];
} {
  const suspects = (tensors: readonly (Tensor | null)[]) =>
    tensors.flatMap((tensor, i) =>
      tensor
        ? {
            name: `variable '${variables[i]!.name}'`,
            values: () => tensor.dataSync<'float32'>(),
          }
        : [],
    );
  return { gradients: suspects(gradients), parameters: suspects(variables) };
}
