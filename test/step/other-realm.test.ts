/** Arrays, expressions and promises of another realm, as vm and Jest have them. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { runInNewContext } from 'node:vm';
import { AliG, ExponentialMovingAverage, fusedAliGStep } from '../../lib/index.js';
import { hostTensor } from '../../lib/engines/host-tensor.js';

const other = runInNewContext('({ Float32Array, Int32Array, RegExp, Promise })') as {
  Float32Array: Float32ArrayConstructor;
  Int32Array: Int32ArrayConstructor;
  RegExp: RegExpConstructor;
  Promise: PromiseConstructor;
};

test.before(async () => {
  await tf.setBackend('tensorflow');
});

test('a Float32Array is stepped in place', (t) => {
  const parameters = [other.Float32Array.from([1, 2])];
  t.false(parameters[0] instanceof Float32Array);
  const gradients = [other.Float32Array.from([1, 0])];
  fusedAliGStep({ parameters, gradients, loss: 1, maxLearningRate: 0.5 });
  t.deepEqual([...parameters[0]!], [0.5, 2]);
  for (const wrong of [new Float64Array(2), { length: 2, [Symbol.toStringTag]: 'Float32Array' }]) {
    t.throws(() => fusedAliGStep({ parameters: [wrong as Float32Array], gradients, loss: 1 }), {
      message: /parameters\[0\] must be a Float32Array/,
    });
  }
});

// In Jest tfjs-node's tensors give arrays of Node's own realm, and the package runs in another.
test('what getWeights makes of arrays has their dtype', (t) => {
  t.is(hostTensor(other.Float32Array.from([0.5, 2]), [2]).dtype, 'float32');
  t.is(hostTensor(other.Int32Array.from([1, 2]), [2]).dtype, 'int32');
});

test('a regular expression names the variables of a group', (t) => {
  const variable = tf.variable(tf.tensor1d([1]), true, 'realm/kernel');
  const optimizer = new AliG({
    maxLearningRate: 0.5,
    momentum: 0,
    groups: [{ variables: [new other.RegExp('realm')], maxLearningRate: 0.25 }],
  });
  optimizer.applyGradients({ [variable.name]: tf.tensor1d([1]) }, { loss: 1 });
  t.is(variable.dataSync()[0], 0.75);
});

test('a promise keeps the averages in until it is fulfilled', async (t) => {
  const variable = tf.variable(tf.tensor1d([1]));
  const average = new ExponentialMovingAverage([variable], { decay: 0.5 });
  variable.assign(tf.tensor1d([3]));
  let during = NaN;
  const promise = average.withAverages(() =>
    new other.Promise<void>((resolve) => setTimeout(resolve, 5)).then(() => {
      during = variable.dataSync()[0]!;
    }),
  );
  await promise;
  t.is(during, 1);
  t.is(variable.dataSync()[0], 3);
});
