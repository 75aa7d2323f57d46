/** Steps on the fake GPU in worker threads: one after the other, at the same time, and then here. */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AliG } from '../../../lib/index.js';
import { stepOpOnFakeGpu } from './backend.js';

async function stepInWorker(): Promise<{ engine: string; values: number[] }> {
  const worker = new Worker(new URL('../../support/step-in-worker.js', import.meta.url));
  const [message] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return message[0] as { engine: string; values: number[] };
}

const first = await stepInWorker();
assert.equal(first.engine, 'tensorflow-cuda');
assert.deepEqual(await stepInWorker(), first);
assert.deepEqual(await Promise.all([stepInWorker(), stepInWorker()]), [first, first]);
await tf.setBackend('tensorflow');
stepOpOnFakeGpu();
const optimizer = new AliG({ maxLearningRate: 0.1 });
const variable = tf.variable(tf.tensor1d([1, 2, 3]));
for (let i = 0; i < 5; i++) optimizer.minimize(() => tf.sum(tf.square(variable)));
assert.deepEqual([...variable.dataSync()], first.values);
console.log('4 worker threads, 0 differences');
