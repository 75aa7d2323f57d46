import { getBackend, keep, reshape, Variable, type Tensor } from '@tensorflow/tfjs-core';
import type { StepExchange } from '../mpi/communicator.js';
import type { Suspect } from '../rules/non-finite.js';
import type { DeferredOutcome } from '../rules/lazy-report.js';
import type { StepReport } from '../rules/report.js';
import type { RuleStep } from '../rules/rule-step.js';

/** One step over tensors of the current backend; everything in it has been checked. */
export interface TensorStep extends Omit<RuleStep, 'scalars'> {
  readonly variables: readonly Variable[];
  /** One entry a variable; null: no gradient in this step. All null: the projection alone. */
  readonly gradients: readonly (Tensor | null)[];
  /** The rule's arrays of each variable, one variable after the other; none for a projection. */
  readonly state: readonly Tensor[];
  /** The state came out of an earlier step and nobody else has seen it. */
  readonly stateInPlace: boolean;
  readonly loss: number | Tensor;
  readonly scalars: StepScalars;
  /**
   * Where the ranks share the state, which then is this rank's shards; the gradients are this rank's own.
   */
  readonly shards?: StepShards | null;
}

/** How the ranks share the state of a step's variables. */
export interface StepShards {
  readonly exchange: StepExchange;
  /** The rank that has the first shard of each variable. */
  readonly firsts: readonly number[];
}

/**
 * The scalars of a rule: doubles on the host, or on a device that is not waited for a tensor of
 * float32.
 */
export type StepScalars = Float64Array | Tensor;

/** The scalars on the host; waits for a device that has them. */
export function hostScalars(scalars: StepScalars): Float64Array {
  return scalars instanceof Float64Array ? scalars : Float64Array.from(scalars.dataSync());
}

/** Disposes of scalars that are not kept, where they are a tensor. */
export function discardScalars(scalars: StepScalars): void {
  if (!(scalars instanceof Float64Array)) scalars.dispose();
}

export interface TensorStepOutcome {
  /** Of status 'taken', or not: an engine does not throw for numbers that are not finite. */
  readonly report: StepReport;
  /**
   * Where the device may not have finished, what is known when it has: the report throws a
   * NonFiniteError itself then, when a field is read. Null: the report is complete.
   */
  readonly deferred: DeferredOutcome | null;
  /** Null where there is none, where it was written in place or the step was refused. */
  readonly newState: Tensor[] | null;
  /** What the next step is given. The tensor is the caller's to dispose of. */
  readonly newScalars: StepScalars;
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

/**
 * Averages gradients over the ranks. All that may fail on this rank alone is done at the call, before the
 * ranks meet; what it returns averages the gradients of the variables at some places, into new tensors of
 * the caller's. Where this rank has none it sends zeros.
 */
export type Averager = (
  variables: readonly Tensor[],
  gradients: readonly (Tensor | null)[],
) => (exchange: StepExchange, places: readonly number[]) => Tensor[];

/**
 * What a step says of a tensor whose `shape`, a plain list, no longer is what its data are. Found
 * before the step: afterwards no value could be assigned, and state would have been written in place.
 */
export function changedShape(tensor: Tensor, data: string): RangeError {
  const what = tensor instanceof Variable ? `variable '${tensor.name}'` : 'a tensor of the step';
  return new RangeError(
    `${what} has the shape [${tensor.shape.join(', ')}], but its data are ${data}; shape must not be ` +
      'written to: tf.reshape makes a tensor of another shape.',
  );
}

/** Assigns a new value and gives up the tensor that brought it. */
export function replaceValue(variable: Variable, value: Tensor): void {
  variable.assign(value);
  value.dispose();
}

/** Whether the backend computes while JavaScript goes on: reading waits for all that is queued. */
export function backendAnswersLater(): boolean {
  return ['webgl', 'webgpu'].includes(getBackend());
}

/**
 * The values of an array of state as they are at the call, in an array of their own: a step may be
 * made before the promise is fulfilled.
 *
 * NOTE [state is read through a fresh handle]
 * On a GPU TensorFlow keeps the host copy of a tensor's first read with the tensor's handle, and a
 * step that writes the state in place behind that handle would then be invisible to the next
 * read. A reshape has a handle of its own over the same memory, which has no host copy yet, and is
 * disposed of with the one that it gets. So a handle that is written in place is never read, and
 * this is the only place where state is. (A clone would not do: tfjs-node gives it the same
 * handle.)
 */
export function readState(state: Tensor): Promise<Float32Array> {
  if (!backendAnswersLater()) return Promise.resolve(readStateNow(state));
  // There a step never writes in place, and the view holds what it has replaced.
  const view = keep(reshape(state, [state.size]));
  return view.data<'float32'>().then(
    (values) => {
      view.dispose();
      return values.slice();
    },
    (error: unknown) => {
      view.dispose();
      throw error;
    },
  );
}

/** As {@link readState}, at once. */
export function readStateNow(state: Tensor): Float32Array {
  const view = keep(reshape(state, [state.size]));
  try {
    // On the cpu backend this is the real array.
    return view.dataSync<'float32'>().slice();
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
