/**
 * One rank: times steps over a Float32Array with the communicator, by either reduction, and alone, and
 * steps of AliG through tfjs-node with the communicator, with the state whole and in shards, in turns.
 * Arguments: number of elements, rounds.
 * Rank 0 prints the times as JSON.
 */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, prepareAliGStep } from '../../lib/index.js';
import { mpi, type Reduction } from '../../lib/exports/mpi.js';

const [elements, rounds] = process.argv.slice(2).map(Number) as [number, number];

function newArrays() {
  const filled = (value: number) => [new Float32Array(elements).fill(value)];
  return { parameters: filled(1), gradients: filled(1e-3), velocities: filled(0) };
}

const settings = { maxLearningRate: 0.01, momentum: 0.9 };
const loss = 0.5;
const shared = prepareAliGStep({ ...newArrays(), ...settings, communicator: mpi });
const alone = prepareAliGStep({ ...newArrays(), ...settings });
const variable = tf.variable(tf.ones([elements]));
const gradients = { [variable.name]: tf.fill([elements], 1e-3) };
const optimizers = [false, true].map((shardState) => {
  const optimizer = new AliG({ ...settings, communicator: mpi });
  return () => {
    mpi.reduction = 'reproducible';
    mpi.shardState = shardState;
    optimizer.applyGradients(gradients, { loss });
  };
});

function sharedStep(reduction: Reduction): void {
  mpi.reduction = reduction;
  shared.step(loss);
}

const steps = {
  step: () => {
    sharedStep('reproducible');
  },
  fast: () => {
    sharedStep('fast');
  },
  alone: () => alone.step(loss),
  tensorFlow: optimizers[0]!,
  shards: optimizers[1]!,
};
const times = { step: [], fast: [], alone: [], tensorFlow: [], shards: [] } as Record<
  keyof typeof steps,
  number[]
>;
// The first rounds open connections and touch memory.
for (let round = -2; round < rounds; round++) {
  for (const [name, make] of Object.entries(steps)) {
    await mpi.barrier();
    const start = performance.now();
    make();
    if (round >= 0) times[name as keyof typeof steps].push(performance.now() - start);
  }
}
if (mpi.rank === 0) console.log(JSON.stringify(times));
