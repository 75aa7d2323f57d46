import type { MpiResults } from '../mpi/run.js';
import { digits, grouped, machineText, range, table } from './markdown.js';

/** What a step over MPI takes. */
export function mpiSection({ machine, results }: MpiResults): string {
  return [
    machineText(machine),
    'Milliseconds of one step of `prepareAliGStep` with momentum over a `Float32Array`, on so many ranks of this one ' +
      'machine, more than it has cores where there are 4: with the communicator, by itself on every rank at the same ' +
      "time, and MPI's own allreduce of as many float32. The bytes are computed.",
    table(
      [
        '>parameters',
        '>ranks',
        '>MB sent a rank',
        '>median ms',
        '>range ms',
        '>alone',
        '>allreduce',
      ],
      results.map(({ elements, ranks, bytesSent, step, alone, allreduce }) => [
        ...[grouped(elements), String(ranks), digits(bytesSent / 1e6), digits(step.median)],
        ...[range(step), digits(alone.median), digits(allreduce.median)],
      ]),
    ),
  ].join('\n\n');
}
