/**
 * The last rank agrees to a step and then sends nothing. Arguments: the reduction, and 'arrays', 'variables'
 * or 'shards'. The others tell their error.
 */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, fusedAliGStep } from '../../../lib/index.js';
import { stepExchange } from '../../../lib/mpi/communicator.js';
import { mpi, type Reduction } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';

const [reduction, kind] = process.argv.slice(2) as [Reduction, string];
const { rank, size } = mpi;
mpi.timeoutSeconds = 1;
mpi.reduction = reduction;
if (rank === size - 1) {
  mpi[stepExchange]!.exchangeBy = () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    throw new Error('late');
  };
}
const array = new Float32Array(10).fill(1);
const parameter = kind === 'arrays' ? new Float32Array(10) : tf.variable(tf.zeros([10]));
try {
  const step = { loss: 1, maxLearningRate: 0.1, communicator: mpi };
  if (parameter instanceof Float32Array) {
    fusedAliGStep({ ...step, parameters: [parameter], gradients: [array] });
  } else if (kind === 'shards') {
    mpi.shardState = true;
    const { name } = parameter;
    const optimizer = new AliG({ maxLearningRate: 0.1, communicator: mpi });
    optimizer.applyGradients([{ name, tensor: tf.tensor1d(array) }], { loss: 1 });
  } else {
    fusedAliGStep({ ...step, parameters: [parameter], gradients: [tf.tensor1d(array)] });
  }
} catch (error) {
  const values = parameter instanceof Float32Array ? parameter : parameter.dataSync();
  tell(rank, { error: (error as Error).message, changed: values.some((value) => value !== 0) });
  throw error;
}
