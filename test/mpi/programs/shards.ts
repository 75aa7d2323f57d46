/**
 * The same training with the whole state on each rank and with shards of it: tells whether parameters, state
 * and reports have the same bits, and how many bytes of state this rank keeps.
 */
import * as tf from '@tensorflow/tfjs-node';
import { createHash } from 'node:crypto';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { AdaGrad, Adam, AliG, Dfw, l2Ball, L4Adam, Sgd } from '../../../lib/index.js';
import { mpi } from '../../../lib/exports/mpi.js';
import { useBackend } from '../../support/backends.js';
import { tell } from '../../support/mpirun.js';
import { bitsOf } from './network.js';

const { rank, size } = mpi;
const steps = 6;

// In chunks of 16,384: fewer than ranks, as many, more, none; and not a multiple of one.
const shapes = [[3], [200, 250], [1], [16_384 * 2], [0], [40_000], [33, 1000], [7]];
/** A variable that no step has named before this one. */
const lateStep = 3;

const options = { communicator: mpi, onNonFinite: 'skip' as const };
const optimizers = {
  aliG: () => new AliG({ maxLearningRate: 0.1, constraint: l2Ball(40), ...options }),
  adam: () => new Adam({ learningRate: 0.01, maxGradientNorm: 1, ...options }),
  l4adam: () => new L4Adam(options),
  dfw: () => new Dfw({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3, ...options }),
  adagrad: () => new AdaGrad({ learningRate: 0.1, ...options }),
  // Without state; two groups.
  sgd: () =>
    new Sgd({
      learningRate: 0.1,
      groups: [{ variables: ['v1'], learningRate: 0.2 }],
      ...options,
    }),
};

type Optimizer = ReturnType<(typeof optimizers)[keyof typeof optimizers]>;

function makeVariables(): tf.Variable[] {
  const random = new SeededRandom(1);
  return tf.tidy(() =>
    shapes.map((shape, i) => {
      const values = random.normals(tf.util.sizeFromShape(shape));
      return tf.variable(tf.tensor(values, shape), true, `v${i}`);
    }),
  );
}

/** This rank's gradients of a step; some variables have none on any rank, or none on some. */
function gradientsOf(step: number, variables: readonly tf.Variable[]) {
  const random = new SeededRandom(1000 * step + rank);
  const given = step < lateStep ? variables.slice(0, -2) : variables;
  return given.map(({ name, shape }, i) => {
    const values = Float32Array.from(random.normals(tf.util.sizeFromShape(shape)));
    // Of which MPI's sums are exact in any order.
    if (mpi.reduction === 'fast') values.forEach((value, k) => (values[k] = Math.round(4 * value)));
    if (step === 4 && i === 1 && rank === size - 1) values[40_000] = NaN;
    const missing = (step === 1 && i === 3) || (step === 2 && i === 1 && rank === 1);
    return { name, tensor: missing ? null : tf.tensor(values, shape) };
  });
}

interface Trained {
  readonly parameters: string;
  readonly state: string;
  readonly reports: string;
  readonly iterations: number;
  readonly bytes: number;
}

async function train(make: () => Optimizer, shardState: boolean): Promise<Trained> {
  mpi.shardState = shardState;
  const variables = makeVariables();
  const before = tf.memory().numBytes;
  let optimizer = make();
  const reports: unknown[] = [];
  let bytes = 0;
  for (let step = 0; step < steps; step++) {
    const gradients = gradientsOf(step, variables);
    optimizer.applyGradients(gradients, { loss: 50 + rank });
    for (const { tensor } of gradients) tensor?.dispose();
    reports.push({ ...optimizer.lastStep });
    bytes = tf.memory().numBytes - before;
    if (step === steps - 2) {
      // Goes on from what was saved, which rank 0 alone loads.
      const saved = await optimizer.getWeights();
      optimizer.dispose();
      optimizer = make();
      if (rank === 0) await optimizer.setWeights(saved);
    }
  }
  const state = (await optimizer.getWeights()).map(({ tensor }) => tensor);
  const trained = {
    parameters: bitsOf(variables),
    state: bitsOf(state),
    reports: createHash('sha256').update(JSON.stringify(reports)).digest('hex'),
    iterations: optimizer.iterations,
    bytes,
  };
  optimizer.dispose();
  tf.dispose(variables);
  return trained;
}

for (const backend of ['tensorflow', 'cpu'] as const) {
  await useBackend(backend);
  for (const reduction of ['reproducible', 'fast'] as const) {
    mpi.reduction = reduction;
    for (const [name, make] of Object.entries(optimizers)) {
      const tensors = tf.memory().numTensors;
      const [whole, shards] = [await train(make, false), await train(make, true)];
      const leaked = tf.memory().numTensors - tensors;
      tell(rank, { name, backend, reduction, whole, shards, leaked });
    }
  }
}
