/** On two ranks, which mpirun starts: gradients that are still computed when they are averaged. */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { mpi } from '../../../lib/exports/mpi.js';
import { fusedAliGStep } from '../../../lib/index.js';
import { firstDifference } from '../../support/engine-comparison.js';
import { stepOpOnFakeGpu } from './backend.js';

await tf.setBackend('tensorflow');
stepOpOnFakeGpu();

const { rank, size: ranks } = mpi;
assert.equal(ranks, 2);
const lengths = [5000, 0, 3];
const steps = 5;
const settings = { loss: 1, maxLearningRate: 0.01 };
const valuesOf = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 0.37 + seed));

const parameters = lengths.map((length) => tf.variable(tf.tensor1d(valuesOf(length, 0))));
const expected = lengths.map((length) => valuesOf(length, 0));
for (let step = 0; step < steps; step++) {
  const ofRanks = [0, 1].map((each) => lengths.map((length) => valuesOf(length, 2 * step + each)));
  // Neg is the fake GPU's own late kernel.
  const gradients = tf.tidy(() =>
    ofRanks[rank]!.map((array) => tf.neg(tf.neg(tf.neg(tf.tensor1d(array))))),
  );
  const { engine } = fusedAliGStep({ ...settings, parameters, gradients, communicator: mpi });
  assert.equal(engine, 'tensorflow-cuda');
  tf.dispose(gradients);
  const [one, other] = ofRanks as [Float32Array[], Float32Array[]];
  const averages = one.map((array, k) => array.map((value, i) => -(value + other[k]![i]!) / 2));
  fusedAliGStep({ ...settings, parameters: expected, gradients: averages });
  const computed = parameters.map((variable) => variable.dataSync<'float32'>());
  assert.equal(firstDifference(computed, expected), undefined, `two ranks, step ${step}`);
}
if (rank === 0) console.log(`${steps} steps of two ranks behind late kernels, 0 differences`);
