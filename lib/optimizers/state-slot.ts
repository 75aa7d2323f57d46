import type { Tensor, Variable } from '@tensorflow/tfjs-core';

/** A variable's arrays of state, in the list that is saved. */
export interface Slot {
  /** Null: restored state whose variable no step has named yet. */
  variable: Variable | null;
  /** Of the variable, or of the one that it was saved for. */
  name: string;
  /** The rule's arrays of state; of shards flat ones. */
  state: readonly Tensor[];
  /** Steps that the variable has taken. */
  steps: number;
  /** The arrays came out of a step and nobody else has seen them. */
  own: boolean;
  /** Where the arrays are this rank's shards: the rank that has the first one. Null: they are whole. */
  first: number | null;
}

/** A slot that a step has named. */
export type NamedSlot = Slot & { variable: Variable };

export function isNamed(slot: Slot): slot is NamedSlot {
  return slot.variable !== null;
}
