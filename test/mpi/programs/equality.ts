/**
 * 100 steps of every optimiser of a list on all ranks, then on rank 0 alone by gradient accumulation over
 * as many micro-batches. Tells the bits of both.
 */
import * as tf from '@tensorflow/tfjs-node';
import {
  AccumulatingOptimizer,
  Adam,
  AliG,
  box,
  Dfw,
  l2Ball,
  Momo,
  Sgd,
  type Communicator,
} from '../../../lib/index.js';
import { mpi } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';
import { useBackend } from '../../support/backends.js';
import { bitsOf, makeNetwork, type TrainedNetwork } from './network.js';

const steps = 100;
const { rank, size } = mpi;

const optimizers = {
  aliG: (communicator: Communicator | null) =>
    new AliG({ maxLearningRate: 0.1, constraint: l2Ball(12), communicator }),
  adam: (communicator: Communicator | null) => new Adam({ learningRate: 0.01, communicator }),
  sgd: (communicator: Communicator | null) =>
    new Sgd({ learningRate: 0.05, momentum: 0.9, maxGradientNorm: 1, communicator }),
  dfw: (communicator: Communicator | null) =>
    new Dfw({ learningRate: 0.1, weightDecay: 1e-3, communicator }),
  momo: (communicator: Communicator | null) =>
    new Momo({ learningRate: 0.1, constraint: box(-0.9, 0.9), communicator }),
};

async function resultOf(network: TrainedNetwork, optimizer: tf.Optimizer) {
  const state = (await optimizer.getWeights()).map(({ tensor }) => tensor);
  return [bitsOf(network.variables), bitsOf(state), optimizer.iterations];
}

for (const backend of ['tensorflow', 'cpu'] as const) {
  await useBackend(backend);
  for (const [name, make] of Object.entries(optimizers)) {
    // tfjs's own kernels are slow.
    if (backend === 'cpu' && name !== 'aliG') continue;
    // Other weights on each rank, until the first step.
    // The constraints let these be: accumulation projects after the first gradients.
    const network = makeNetwork(1 + rank);
    const optimizer = make(mpi);
    const losses: (number | undefined)[] = [];
    for (let step = 0; step < steps; step++) {
      optimizer.minimize(() => network.loss(step * size + rank), false, network.variables);
      losses.push(optimizer.lastStep?.loss);
    }
    const together = await resultOf(network, optimizer);
    let alone: unknown = null;
    if (rank === 0) {
      const reference = makeNetwork(1);
      const wrapped = make(null);
      const accumulating = new AccumulatingOptimizer({ optimizer: wrapped, miniBatches: size });
      const ownLosses: (number | undefined)[] = [];
      for (let batch = 0; batch < steps * size; batch++) {
        accumulating.minimize(() => reference.loss(batch), false, reference.variables);
        if ((batch + 1) % size === 0) ownLosses.push(wrapped.lastStep?.loss);
      }
      alone = await resultOf(reference, wrapped);
      if (String(losses) !== String(ownLosses)) alone = 'other losses';
    }
    tell(rank, { name, backend, together, alone, trains: losses.at(-1)! < losses[0]! });
  }
}
