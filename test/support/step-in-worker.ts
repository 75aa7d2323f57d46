/** Run in a worker thread by worker-threads.test.ts: trains a little and says which engine served. */
import { parentPort } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-node';
import { AliG } from '../../lib/index.js';

const optimizer = new AliG({ maxLearningRate: 0.1 });
const variable = tf.variable(tf.tensor1d([1, 2, 3]));
for (let i = 0; i < 5; i++) optimizer.minimize(() => tf.sum(tf.square(variable)));
parentPort?.postMessage({
  engine: optimizer.lastStep?.engine,
  values: [...variable.dataSync()],
});
