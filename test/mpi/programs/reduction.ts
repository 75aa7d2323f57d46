/** Steps whose gradients MPI adds, beside those that are added in rank order; and ranks that differ in it. */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, fusedAliGStep } from '../../../lib/index.js';
import { mpi, type Reduction } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';
import { bitsOf, makeNetwork } from './network.js';

const { rank, size } = mpi;

function messageOf(call: () => void): string {
  try {
    call();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Small whole numbers, whose sums and averages over 2 and 4 ranks are exact in any order. */
function wholeNumbers(ofRank: number): Float32Array[] {
  // Several arrays in one bucket, and one of several buckets.
  return [3, 0, 40_000, 1, 2_300_000].map((length) =>
    Float32Array.from({ length }, (_, i) => ((7 * i + 5 * ofRank) % 13) - 6),
  );
}

function stepOver(gradients: readonly Float32Array[], communicator: typeof mpi | null) {
  const lists = [0, 1].map(() => gradients.map(({ length }) => new Float32Array(length)));
  const [parameters, velocities] = lists as [Float32Array[], Float32Array[]];
  fusedAliGStep({
    ...{ parameters, velocities, gradients, loss: 1, communicator },
    ...{ maxLearningRate: 0.5, momentum: 0.9 },
  });
  return [...parameters, ...velocities];
}

mpi.reduction = 'fast';
const ofRanks = Array.from({ length: size }, (_, other) => wholeNumbers(other));
const averages = ofRanks[0]!.map((array, k) =>
  array.map((_, i) => ofRanks.reduce((sum, each) => sum + each[k]![i]!, 0) / size),
);
const [shared, alone] = [stepOver(ofRanks[rank]!, mpi), stepOver(averages, null)];
tell(
  rank,
  shared.every((array, k) => array.every((value, i) => value === alone[k]![i])),
);

function trained(reduction: Reduction) {
  mpi.reduction = reduction;
  const network = makeNetwork(1);
  const optimizer = new AliG({ maxLearningRate: 0.1, communicator: mpi });
  const losses = Array.from({ length: 20 }, (_, step) => {
    optimizer.minimize(() => network.loss(step * size + rank), false, network.variables);
    return optimizer.lastStep!.loss;
  });
  return { losses, bits: bitsOf(network.variables) };
}

tell(rank, [trained('reproducible'), trained('fast')]);

const optimizer = new AliG({ maxLearningRate: 0.1, communicator: mpi });
const variable = tf.variable(tf.scalar(1));
mpi.reduction = rank === 1 ? 'reproducible' : 'fast';
const differing = messageOf(() => optimizer.minimize(() => variable.square(), false, [variable]));
tell(rank, [differing, variable.dataSync()[0]]);
mpi.reduction = 'fast';
optimizer.minimize(() => variable.square(), false, [variable]);
tell(rank, [
  optimizer.iterations,
  messageOf(() => {
    mpi.reduction = 'fastest' as Reduction;
  }),
]);
