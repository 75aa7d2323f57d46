/** The add-on outlives the worker threads that loaded it, and other copies of it do no harm. */
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { addonState, type Addon } from '../../lib/platform/addon.js';

interface Answer {
  readonly engine: string;
  readonly values: readonly number[];
}

async function trainInWorker(): Promise<Answer> {
  const worker = new Worker(new URL('../support/step-in-worker.js', import.meta.url));
  const [message] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return message[0] as Answer;
}

test.serial('two workers one after the other, then this thread', async (t) => {
  const first = await trainInWorker();
  t.is(first.engine, 'tensorflow-cpu');
  t.deepEqual(await trainInWorker(), first);
  const tf = await import('@tensorflow/tfjs-node');
  const { AliG } = await import('../../lib/index.js');
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  const variable = tf.variable(tf.tensor1d([1, 2, 3]));
  for (let i = 0; i < 5; i++) optimizer.minimize(() => tf.sum(tf.square(variable)));
  t.is(optimizer.lastStep?.engine, 'tensorflow-cpu');
  t.deepEqual([...variable.dataSync()], [...first.values]);
});

test.serial('two workers at the same time', async (t) => {
  const [first, second] = await Promise.all([trainInWorker(), trainInWorker()]);
  t.is(first.engine, 'tensorflow-cpu');
  t.deepEqual(first, second);
});

test.serial('a second copy of the add-on registers an op of its own', async (t) => {
  await import('@tensorflow/tfjs-node');
  const state = addonState();
  if (!state.addon) throw new Error(state.report);
  const directory = await mkdtemp(join(tmpdir(), 'second-copy-'));
  const path = join(directory, 'tfjs_alig.node');
  await copyFile(state.path, path);
  const copy = createRequire(import.meta.url)(path) as Addon;
  await rm(directory, { recursive: true });
  // To register one name twice would end the process.
  t.not(copy.registerTensorFlowOp(), state.addon.registerTensorFlowOp());
  t.is(copy.registerTensorFlowOp(), copy.registerTensorFlowOp());
});

test.serial('a process that stepped ends well', async (t) => {
  const script = new URL('../support/step-in-worker.js', import.meta.url).pathname;
  // Rejects where the process ends with a signal or a code other than 0.
  const { stderr } = await promisify(execFile)(process.execPath, [script]);
  t.notRegex(stderr, /slower TensorFlow.js ops/);
});
