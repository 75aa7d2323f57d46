/** Steps on the fake GPU in worker threads: one after the other, at the same time, and then here. */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { stepOpOnFakeGpu } from './backend.js';

async function stepInWorker(): Promise<unknown> {
  const worker = new Worker(new URL('../../support/step-in-worker.js', import.meta.url));
  const [message] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return message[0];
}

const first = (await stepInWorker()) as { engine: string; values: number[] };
assert.equal(first.engine, 'tensorflow-cuda');
assert.ok(first.values.every((value) => value > 0 && value < 3));
assert.deepEqual(await stepInWorker(), first);
assert.deepEqual(await Promise.all([stepInWorker(), stepInWorker()]), [first, first]);
await tf.setBackend('tensorflow');
stepOpOnFakeGpu();
console.log('4 worker threads, 0 differences');
