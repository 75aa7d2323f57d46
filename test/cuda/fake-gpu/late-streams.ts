/**
 * Gradients that are still computed when the step is made, and memory that is free for TensorFlow
 * and still in use on the GPU: a step waits for both.
 */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { fusedAliGStep } from '../../../lib/index.js';
import { firstDifference } from '../../support/engine-comparison.js';
import { stepOpOnFakeGpu } from './backend.js';

await tf.setBackend('tensorflow');
stepOpOnFakeGpu();

const size = 5000;
const tensors = [0, 1, 2];
const steps = 15;
// On the GPU since the first step: TensorFlow's copies to the GPU wait for all that was enqueued, and a
// number that is copied for the step would make it wait, too.
const loss = tf.scalar(1);
const maxLearningRate = 0.01;
const valuesOf = (seed: number) =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.37 + seed));

const variables = tensors.map((k) => tf.variable(tf.tensor1d(valuesOf(k))));
const expected = tensors.map(valuesOf);
for (let step = 0; step < steps; step++) {
  const given = tensors.map((k) => valuesOf(10 + step * tensors.length + k));
  // Neg is the fake GPU's own late kernel, and an odd number of them gives the negative.
  const gradients = tf.tidy(() => given.map((array) => tf.neg(tf.neg(tf.neg(tf.tensor1d(array))))));
  // The old parameters are still read, into memory that is free before it is written.
  tf.dispose(variables.map((variable) => tf.neg(variable)));
  const { engine } = fusedAliGStep({ parameters: variables, gradients, loss, maxLearningRate });
  assert.equal(engine, 'tensorflow-cuda');
  tf.dispose(gradients);
  fusedAliGStep({
    parameters: expected,
    gradients: given.map((array) => array.map((value) => -value)),
    loss: 1,
    maxLearningRate,
  });
  const computed = variables.map((variable) => variable.dataSync<'float32'>());
  assert.equal(firstDifference(computed, expected), undefined, `late streams, step ${step}`);
}
console.log(`${steps} steps behind late kernels, 0 differences`);
