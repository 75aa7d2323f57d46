/** Calls every method of the communicator, and what it refuses. */
import { mpi } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';

const { rank, size } = mpi;

async function messageOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

// Their sum depends on the order: 2^53 takes no 1 up, but the 1s together are seen.
const parts = Float64Array.of(rank === 0 ? 2 ** 53 : 1);
await mpi.sum(parts);
// More than a bucket, and no multiple of the number of ranks.
const large = Float32Array.from({ length: 2_500_001 }, (_, i) => (i % 1000) + rank / 16);
await mpi.sum(large);
const broadcast = Int32Array.of(rank, 10 * rank);
const same = (await mpi.broadcast(broadcast, size - 1)) === broadcast;
// While nothing but timers runs, the event loop turns: the last rank comes late.
let turns = 0;
const timer = setInterval(() => turns++, 5);
if (rank === size - 1) await new Promise((resolve) => setTimeout(resolve, 500));
await mpi.barrier();
clearInterval(timer);
tell(rank, {
  rank,
  size,
  order: parts[0],
  large: [large[0], large[999], large[2_500_000]],
  number: await mpi.sum(rank + 0.5),
  empty: (await mpi.sum(new Float32Array(0))).length,
  broadcast: [...broadcast],
  same,
  turned: turns >= 10,
  // Two at once go one after the other.
  both: await Promise.all([mpi.sum(1), mpi.sum(10)]),
});
const values = new Float32Array(2);
tell(rank, [
  await messageOf(() => mpi.sum(new Float32Array(rank === 1 ? 3 : 2))),
  await messageOf(() => mpi.broadcast(rank === 1 ? new Int32Array(2) : values)),
  await messageOf(() => (rank === 1 ? mpi.barrier() : mpi.sum(values))),
  await messageOf(() => Promise.resolve().then(() => mpi.broadcast(values, size))),
  await messageOf(() => Promise.resolve().then(() => mpi.sum([1] as unknown as Float32Array))),
]);
// What was refused has left the ranks at the same point.
tell(rank, await mpi.sum(1));
mpi.dispose();
mpi.dispose();
tell(rank, await messageOf(() => mpi.barrier()));
