/**
 * A training that is saved and goes on: on the ranks, and in one process over as many micro-batches. The
 * arguments are the file of the checkpoint, which rank 0 writes or, where it is there, loads, the number of
 * micro-batches of a process, and 'shards' where the ranks share the state.
 */
import * as tf from '@tensorflow/tfjs-node';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AccumulatingOptimizer, AliG } from '../../../lib/index.js';
import { mpi } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';
import { bitsOf, makeNetwork } from './network.js';

interface Saved {
  readonly name: string;
  readonly shape: number[];
  readonly type: 'float32' | 'int32';
  readonly values: number[];
}

const [file, batches, state] = process.argv.slice(2);
mpi.shardState = state === 'shards';
const miniBatches = Number(batches);
const { rank, size } = mpi;
const steps = 5;
const isResumed = existsSync(file!);
await mpi.barrier();
const network = makeNetwork(1 + rank);
const optimizer = new AliG({ maxLearningRate: 0.1, communicator: mpi });
const { variables } = network;
if (isResumed && rank === 0) {
  const saved = JSON.parse(readFileSync(file!, 'utf8')) as Saved[];
  const tensors = saved.map(({ name, shape, type, values }) => ({
    name,
    tensor: tf.tensor(values, shape, type),
  }));
  variables.forEach((variable, i) => {
    variable.assign(tensors[i]!.tensor);
  });
  await optimizer.setWeights(tensors.slice(variables.length));
}
const total = size * miniBatches;
const training = new AccumulatingOptimizer({ optimizer, miniBatches });
const first = isResumed ? steps : 0;
for (let step = first; step < first + steps; step++) {
  for (let i = 0; i < miniBatches; i++) {
    const batch = step * total + rank * miniBatches + i;
    training.minimize(() => network.loss(batch), false, variables);
  }
}
// Of shards all ranks have to ask.
const weights = await optimizer.getWeights();
if (!isResumed && rank === 0) {
  const all = [
    ...variables.map((variable) => ({ name: variable.name, tensor: variable })),
    ...weights,
  ];
  const saved = all.map(({ name, tensor }): Saved => {
    const { shape, dtype } = tensor;
    return {
      name,
      shape,
      type: dtype as Saved['type'],
      values: [...tensor.dataSync()],
    };
  });
  writeFileSync(file!, JSON.stringify(saved));
}
tell(rank, [bitsOf([...variables, ...weights.map(({ tensor }) => tensor)]), optimizer.iterations]);
