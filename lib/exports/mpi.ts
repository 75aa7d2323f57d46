/** `tfjs-alig/mpi`: the processes that `mpirun` has started together. */
import type { Communicator } from '../mpi/communicator.js';
import { openWorld } from '../mpi/world.js';

export type { Communicator, Reduction, SharedArray } from '../mpi/communicator.js';

/**
 * All processes that `mpirun` has started with this one; one alone where it has not. To import it starts
 * MPI, and throws an Error that says what to install where that is missing.
 *
 *     import { mpi } from 'tfjs-alig/mpi';
 *     const optimizer = new AliG({ maxLearningRate: 0.1, communicator: mpi });
 */
export const mpi: Communicator = openWorld();
