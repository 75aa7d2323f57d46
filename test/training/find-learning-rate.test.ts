/** The range test finds a rate that trains, and leaves no trace. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, findLearningRate, findMaxLearningRate, Sgd } from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar. */
const quiet = { verbose: 0 } as const;

/** All bits of all variables: NaN, -0 and denormals too. */
function bits(): Record<string, string> {
  return Object.fromEntries(
    Object.values(tf.engine().registeredVariables).map((variable) => {
      const { buffer, byteOffset, byteLength } = variable.dataSync();
      return [variable.name, Buffer.from(buffer, byteOffset, byteLength).toString('hex')];
    }),
  );
}

/** (a w - b)^2 / 2: SGD diverges from a rate of 2 / a^2 on. */
function valley() {
  const w = tf.variable(tf.tensor1d([3, -0, 1e-42]));
  return { w, loss: () => tf.mean(tf.square(tf.sub(w.mul(2), 1))).asScalar() };
}

function classifier() {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        units: 8,
        inputShape: [4],
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
      tf.layers.batchNormalization(),
      tf.layers.reLU(),
      tf.layers.dense({
        units: 3,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }),
      }),
    ],
  });
  const inputs = tf.randomNormal([70, 4], 0, 1, 'float32', 5);
  const labels = tf.tidy(() => tf.oneHot(inputs.slice([0, 0], [70, 3]).argMax(1), 3));
  return { model, inputs, labels };
}

for (const backend of backendNames) {
  test.serial(`SGD's rate on a valley, and the curve (${backend})`, async (t) => {
    await useBackend(backend);
    const { w, loss } = valley();
    const steps: number[] = [];
    const before = { bits: bits(), tensors: tensorCount() };
    const { learningRate, reason, curve } = await findLearningRate({
      loss: (step) => {
        steps.push(step);
        return loss();
      },
      variables: [w],
      optimizer: (rate) => tf.train.sgd(rate),
      rates: [0.001, 0.01, 0.1, 1, 10, 1e30],
      steps: 40,
    });
    t.deepEqual({ bits: bits(), tensors: tensorCount() }, before);
    t.is(learningRate, 0.1, reason);
    t.regex(reason, /^With 0.1 the loss has fallen furthest, from 9\.\d+ to /);
    t.regex(reason, /by rate: 0.001: .*; 1e\+30: not finite\./);
    t.deepEqual(
      curve.map(({ rate }) => rate),
      [0.001, 0.01, 0.1, 1, 10, 1e30],
    );
    t.is(curve[0]!.losses.length, 40);
    t.is(curve.at(-1)!.loss, null);
    t.true(curve.at(-1)!.losses.length < 40);
    t.deepEqual(steps.slice(0, 41), [...Array.from({ length: 40 }, (_, i) => i), 0]);
    w.dispose();
  });
}

for (const optimizer of ['sgd', new AliG({ maxLearningRate: 3 })]) {
  const name = typeof optimizer === 'string' ? optimizer : 'AliG';
  test.serial(`a model compiled with ${name} is left as it was`, async (t) => {
    const { model, inputs, labels } = classifier();
    const owner = model as unknown as { isOptimizerOwned: boolean };
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    // Moving statistics other than the initial ones.
    await model.fit(inputs, labels, { epochs: 1, ...quiet });
    const state = () => ({
      bits: bits(),
      tensors: tensorCount(),
      optimizer: model.optimizer,
      iterations: model.optimizer.iterations,
      owned: owner.isOptimizerOwned,
    });
    const before = state();
    const { maxLearningRate, reason, curve } = await findMaxLearningRate({
      model,
      inputs,
      labels,
      steps: 12,
      rates: [1e-4, 0.1, 1e5, 1e6, 1e7],
    });
    t.deepEqual(state(), before);
    // No step comes near to the last three.
    t.true([0.1, 1e5].includes(maxLearningRate), reason);
    t.deepEqual(curve[3]!.losses, curve[2]!.losses);
    t.is(curve[0]!.losses[0], curve[1]!.losses[0]);
    // 70 examples are two whole mini-batches of 32, which come again.
    const one = await findMaxLearningRate({ model, inputs, labels, steps: 8, rates: [1e-30, 0.1] });
    const [first, second, third] = one.curve[0]!.losses;
    t.is(third, first);
    t.not(second, first);
    t.regex(one.reason, /It is the largest that was tried: try larger ones\./);
  });
}

test.serial(
  'a rate that makes the same steps as larger ones is the smallest of them',
  async (t) => {
    const { w, loss } = valley();
    const { maxLearningRate, reason } = await findMaxLearningRate({
      loss,
      variables: [w],
      rates: [1e-4, 1, 10, 100],
      steps: 20,
    });
    t.is(maxLearningRate, 1);
    t.regex(reason, /Rates up to 100 make the same steps\./);
    w.dispose();
  },
);

test.serial('the variables come back where the training fails', async (t) => {
  const { w, loss } = valley();
  const before = { bits: bits(), tensors: tensorCount() };
  await t.throwsAsync(
    findMaxLearningRate({
      loss: (step) => {
        if (step === 3) throw new Error('no data');
        return loss();
      },
      variables: [w],
    }),
    { message: 'no data' },
  );
  await t.throwsAsync(
    findLearningRate({
      loss,
      variables: [w],
      optimizer: (learningRate) => new Sgd({ learningRate }),
      rates: [1e3, 1e4],
      steps: 10,
    }),
    {
      message: /findLearningRate: the loss, 9\.\d+ at first, falls with none .*1000: .*; try other/,
    },
  );
  t.deepEqual({ bits: bits(), tensors: tensorCount() }, before);
  w.dispose();
});

test.serial('what is no range test is refused by name', async (t) => {
  const { w, loss } = valley();
  const { model, inputs, labels } = classifier();
  const rows: [unknown, RegExp][] = [
    [undefined, /model is undefined/],
    [{ model: {}, inputs, labels }, /give a tf.LayersModel as model, .*an object \(Object\)/],
    [{ model, inputs, labels }, /the model has no loss; call model.compile/],
    [{ loss: 3 }, /loss must be a function .* not 3/],
    [{ loss, epochs: 3 }, /epochs/],
    [{ loss, rates: [] }, /rates must be a list of rates/],
    [{ loss, rates: [0.1, 0.1] }, /rates must ascend; rates\[1\] is 0.1/],
    [{ loss, rates: [-1] }, /rates\[0\] must be a positive number, not -1/],
    [{ loss, steps: 7 }, /steps must be a whole number from 8, not 7/],
    [{ loss, optimizer: 'sgd' }, /optimizer must be a function .*'sgd'/],
  ];
  for (const [options, message] of rows) {
    await t.throwsAsync(findMaxLearningRate(options as never), { message });
  }
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const bad: [unknown, RegExp][] = [
    [{ model, inputs: [1], labels }, /inputs must be a tensor .* not 1/],
    [{ model, inputs, labels: tf.ones([69, 3]) }, /same number of examples.* there are 70, 69/],
    [{ model, inputs, labels, batchSize: 0 }, /batchSize must be a whole number from 1/],
  ];
  for (const [options, message] of bad) {
    await t.throwsAsync(findMaxLearningRate(options as never), { message });
  }
  await t.throwsAsync(findLearningRate({ loss } as never), {
    message: /optimizer must be a function/,
  });
  w.dispose();
});
