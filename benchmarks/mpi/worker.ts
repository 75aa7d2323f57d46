/**
 * One rank: times steps over a Float32Array with the communicator and, in turns, alone. Arguments: number
 * of elements, rounds. Rank 0 prints the times as JSON.
 */
import { prepareAliGStep } from '../../lib/index.js';
import { mpi } from '../../lib/exports/mpi.js';

const [elements, rounds] = process.argv.slice(2).map(Number) as [number, number];

function newArrays() {
  const filled = (value: number) => [new Float32Array(elements).fill(value)];
  return { parameters: filled(1), gradients: filled(1e-3), velocities: filled(0) };
}

const settings = { maxLearningRate: 0.01, momentum: 0.9 };
const shared = prepareAliGStep({ ...newArrays(), ...settings, communicator: mpi });
const alone = prepareAliGStep({ ...newArrays(), ...settings });

const times = { shared: [] as number[], alone: [] as number[] };
// The first rounds open connections and touch memory.
for (let round = -2; round < rounds; round++) {
  for (const [name, prepared] of Object.entries({ shared, alone })) {
    await mpi.barrier();
    const start = performance.now();
    prepared.step(0.5);
    if (round >= 0) times[name as keyof typeof times].push(performance.now() - start);
  }
}
if (mpi.rank === 0) console.log(JSON.stringify(times));
