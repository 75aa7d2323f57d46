/**
 * TensorFlow keeps a host copy of a tensor on a GPU that was read once, and gives it again when the
 * tensor has been written in place. What the optimiser shows of its state is never that copy.
 */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { AliG } from '../../../lib/index.js';
import { tensorFlowEngine } from '../../../lib/engines/tensorflow.js';
import { aliGStep } from '../../../lib/step/alig-step.js';
import { stepOpOnFakeGpu } from './backend.js';

await tf.setBackend('tensorflow');
const step = tensorFlowEngine(stepOpOnFakeGpu());

const variable = tf.variable(tf.tensor1d([1, 2, 3]));
const gradient = tf.tensor1d([1, 1, 1]);
const settings = aliGStep('a step', { maxLearningRate: 0.1, momentum: 0.9 });
const bits = (tensor: tf.Tensor) => [...tensor.dataSync()];
const stepOver = (velocity: tf.Tensor, stateInPlace: boolean) =>
  step({
    ...settings,
    variables: [variable],
    gradients: [gradient],
    state: [velocity],
    stateInPlace,
    loss: 1,
  });
const velocity = stepOver(tf.tensor1d([0, 0, 0]), false).newState![0]!;
const before = bits(velocity);
stepOver(velocity, true);
const through = bits(tf.reshape(velocity, [3]));
assert.notDeepEqual(through, before, 'the velocity was not written');
// The trap itself: where this fails, TensorFlow has changed and the detour is needed no more.
assert.deepEqual(bits(velocity), before, 'TensorFlow read a tensor again that it had read before');

const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0.9 });
const seen: number[][] = [];
for (let i = 0; i < 3; i++) {
  optimizer.minimize(() => tf.sum(tf.square(variable)));
  const weights = await optimizer.getWeights();
  seen.push(weights.flatMap(({ tensor }) => bits(tensor)));
}
assert.equal(optimizer.lastStep?.engine, 'tensorflow-cuda');
assert.equal(new Set(seen.map(String)).size, seen.length, 'getWeights gave an old velocity');
console.log('state in place: stale through its own handle, never through getWeights');
