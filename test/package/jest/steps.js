// What Jest's tests in this folder run: .ci/commonjs starts them, as CommonJS and from TypeScript.
const tf = require('@tensorflow/tfjs-node');
const { AliG, fusedAliGStep, NonFiniteError } = require('tfjs-alig');

/** A model that trains on tfjs-node, the state of its optimiser, and a step over arrays. */
module.exports = async function takeSteps() {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  const optimizer = new AliG({ maxLearningRate: 0.25 });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await model.fit(tf.ones([4, 2]), tf.ones([4, 1]), { epochs: 2, verbose: 0 });
  expect(optimizer.lastStep.engine).toBe('tensorflow-cpu');
  const other = new AliG({ maxLearningRate: 0.25 });
  await other.setWeights(await optimizer.getWeights());
  expect(other.iterations).toBe(2);

  const parameters = [Float32Array.of(3, 4)];
  const gradients = [Float32Array.of(6, 8)];
  const { engine } = fusedAliGStep({ parameters, gradients, loss: 25, epsilon: 0 });
  expect(engine).toBe('native-cpu');
  expect([...parameters[0]]).toEqual([1.5, 2]);
  expect(() => fusedAliGStep({ parameters, gradients, loss: NaN })).toThrow(NonFiniteError);
};
