/** The part of an optimiser's state that one of many ranks keeps: NOTE [shards] in native/engine/shards.h. */
import { reshape, slice, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { shardProblem } from '../engines/choose.js';
import { readStateNow, type StepShards } from '../engines/engine.js';
import { CHUNK_SIZE } from '../engines/sums.js';
import type { StepExchange } from '../mpi/communicator.js';
import type { NamedSlot } from './state-slot.js';

/** A slot whose arrays are shards. */
export type CutSlot = NamedSlot & { first: number };

export function isCut(slot: { readonly first: number | null }): slot is CutSlot {
  return slot.first !== null;
}

/** The chunks of variables. Who has the first shard of a variable follows from those before it. */
function chunksOf(slots: readonly NamedSlot[]): number {
  return slots.reduce((sum, { variable }) => sum + Math.ceil(variable.size / CHUNK_SIZE), 0);
}

/** The shards of a step. */
export interface Shards extends StepShards {
  /** This rank's, those of one variable after the other. */
  readonly tensors: readonly Tensor[];
  /** Those that were cut out of whole arrays, the caller's to dispose of. */
  readonly made: readonly Tensor[];
}

/**
 * This rank's shards of the slots; what is whole is cut, and the slots stay as they are.
 *
 * @param cutBefore The slots that are cut, of all variables.
 */
export function shardsOf(
  slots: readonly NamedSlot[],
  cutBefore: readonly CutSlot[],
  exchange: StepExchange,
): Shards {
  const firsts: number[] = [];
  const tensors: Tensor[] = [];
  const made: Tensor[] = [];
  let chunks = chunksOf(cutBefore);
  for (const slot of slots) {
    if (isCut(slot)) {
      firsts.push(slot.first);
      tensors.push(...slot.state);
      continue;
    }
    const { size } = slot.variable;
    const first = chunks % exchange.size;
    const [begin, end] = exchange.shardOf(size, first);
    const cut = tidy(() =>
      slot.state.map((array) => slice(reshape(array, [size]), begin, end - begin)),
    );
    firsts.push(first);
    tensors.push(...cut);
    made.push(...cut);
    chunks += chunksOf([slot]);
  }
  return { exchange, firsts, tensors, made };
}

/** @throws Error where the steps of an optimiser can't be made on shards of its state. */
export function assertShardable(owner: string, byGroup: boolean): void {
  const problem = byGroup ? "its normScope is 'group'" : shardProblem();
  if (problem === null) return;
  throw new Error(
    `${owner}: mpi.shardState is for the backends 'tensorflow', without a GPU, and 'cpu', and for steps with ` +
      `one norm, but ${problem}; set mpi.shardState to false on all ranks.`,
  );
}

/** The whole arrays of the slots, those of one after the other. All ranks call it. */
export function gatherShards(
  owner: string,
  slots: readonly CutSlot[],
  exchange: StepExchange,
): Float32Array[] {
  const firsts: number[] = [];
  const arrays: Float32Array[] = [];
  for (const { variable, state, first } of slots) {
    const [begin] = exchange.shardOf(variable.size, first);
    for (const shard of state) {
      const whole = new Float32Array(variable.size);
      whole.set(readStateNow(shard), begin);
      arrays.push(whole);
      firsts.push(first);
    }
  }
  const shapes = slots.map(({ variable }) => variable.shape);
  exchange.gather(arrays, firsts, () => ({ optimizer: owner, shapes }));
  return arrays;
}
