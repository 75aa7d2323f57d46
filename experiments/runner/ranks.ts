import { deserialize, serialize } from 'node:v8';

import type { Communicator } from 'tfjs-alig';

/** How many processes mpirun has started together, as Open MPI and MPICH tell them. */
function startedRanks(): number {
  const { OMPI_COMM_WORLD_SIZE, PMI_SIZE } = process.env;
  return Number(OMPI_COMM_WORLD_SIZE ?? PMI_SIZE ?? 1);
}

/**
 * The processes that mpirun has started with this one; null where it is alone.
 * @throws Error where MPI or the MPI engine is missing.
 */
export async function ranksOfMpirun(): Promise<Communicator | null> {
  if (startedRanks() <= 1) return null;
  const { mpi } = await import('tfjs-alig/mpi');
  return mpi;
}

/** Which part of each batch is a rank's. */
export interface Shard {
  readonly rank: number;
  readonly ranks: number;
}

/** The part of this process; all where it is alone. */
export function shardOf(communicator: Communicator | null): Shard {
  return { rank: communicator?.rank ?? 0, ranks: communicator?.size ?? 1 };
}

/** Gives all ranks a value of rank 0, of numbers, texts, typed arrays, lists and objects. */
export async function shareValue<Value>(
  communicator: Communicator,
  value: Value | null,
): Promise<Value> {
  const own = new Uint8Array(serialize(value));
  const isFirst = communicator.rank === 0;
  const length = Float64Array.of(isFirst ? own.length : 0);
  await communicator.broadcast(length);
  const bytes = isFirst ? own : new Uint8Array(length[0]!);
  await communicator.broadcast(bytes);
  return deserialize(bytes) as Value;
}
