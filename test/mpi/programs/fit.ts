/** model.fit on all ranks, each with its part of the examples. */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, averagedLogs, shard, stepLogger } from '../../../lib/index.js';
import { mpi } from '../../../lib/exports/mpi.js';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { tell } from '../../support/mpirun.js';
import { bitsOf } from './network.js';

const { rank, size } = mpi;
// One more than the ranks share.
const count = 64 * size + 1;
const random = new SeededRandom(5);
const values = Array.from({ length: count }, () => [...random.normals(6)]);
const images = tf.tensor2d(values);
// The largest of the first three inputs.
const classes = values.map((row) => row.indexOf(Math.max(...row.slice(0, 3))));
const labels = tf.oneHot(tf.tensor1d(classes, 'int32'), 3).toFloat();
const model = tf.sequential({
  layers: [
    // Other weights on each rank.
    tf.layers.dense({ inputShape: [6], units: 8, activation: 'tanh' }),
    tf.layers.dense({ units: 3, activation: 'softmax' }),
  ],
});
const optimizer = new AliG({ maxLearningRate: 0.5, communicator: mpi });
model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
const own = shard(images, mpi);
const options = {
  epochs: 3,
  batchSize: 16,
  verbose: rank === 0 ? 1 : 0,
  callbacks: [stepLogger(optimizer), averagedLogs(mpi)],
};
const { history } = await model.fit(own, shard(labels, mpi), options);
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
tell(rank, {
  shape: own.shape,
  first: own.dataSync()[0] === images.dataSync()[rank * 64 * 6],
  history,
  bits: bitsOf(variables),
  steps: optimizer.iterations,
});
