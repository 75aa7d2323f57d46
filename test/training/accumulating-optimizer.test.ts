/** Gradient accumulation inside model.fit: the bits of a loop with GradientAccumulator. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AccumulatingOptimizer,
  Adam,
  AliG,
  GradientAccumulator,
  NonFiniteError,
  setLearningRate,
  stepLogger,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { savedToMemory } from '../support/saved-model.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar, and examples in their order. */
const quiet = { verbose: 0, shuffle: false, batchSize: 2 } as const;

function problem(optimizer: tf.Optimizer, normalised = false) {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        units: 3,
        inputShape: [4],
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
      ...(normalised ? [tf.layers.batchNormalization()] : []),
      tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }) }),
    ],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const inputs = tf.randomNormal([9, 4], 0, 1, 'float32', 3);
  return { model, inputs, labels: tf.tidy(() => inputs.sum(1, true)) };
}

function bitsOf(model: tf.LayersModel): string[] {
  return model.getWeights().map((tensor) => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  });
}

function losses(model: tf.LayersModel, inputs: tf.Tensor, labels: tf.Tensor) {
  // 5 mini-batches an epoch, the last of a single example.
  return [0, 2, 4, 6, 8].map((begin) => () => {
    const size = Math.min(2, 9 - begin);
    const output = model.apply(inputs.slice(begin, size), { training: true }) as tf.Tensor;
    // As the loss of tfjs-layers.
    return output.sub(labels.slice(begin, size)).square().mean(-1).mean().asScalar();
  });
}

const makers: Record<string, () => tf.Optimizer> = {
  AliG: () => new AliG({ maxLearningRate: 0.1 }),
  Adam: () => new Adam(),
  'tf.train.momentum': () => tf.train.momentum(0.01, 0.9),
};

for (const backend of backendNames) {
  for (const [name, make] of Object.entries(makers)) {
    test.serial(`fit steps as a loop with GradientAccumulator: ${name} (${backend})`, async (t) => {
      await useBackend(backend);
      const optimizer = new AccumulatingOptimizer({ optimizer: make(), miniBatches: 3 });
      const { model, inputs, labels } = problem(optimizer);
      await model.fit(inputs, labels, { ...quiet, epochs: 1 });
      // 3 of 5 mini-batches are a step, and the other 2 wait for the next epoch.
      t.is(optimizer.iterations, 1);
      t.is(optimizer.rest, 2);
      const tensors = tensorCount();
      await model.fit(inputs, labels, { ...quiet, epochs: 3 });
      t.is(optimizer.iterations, 6);
      t.is(optimizer.rest, 2);
      t.is(tensorCount(), tensors);
      t.true(optimizer.stepWithRest());
      t.false(optimizer.stepWithRest());
      t.is(optimizer.iterations, 7);

      const loop = problem(make());
      const accumulator = new GradientAccumulator();
      const epoch = losses(loop.model, loop.inputs, loop.labels);
      const variables = loop.model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      [...epoch, ...epoch, ...epoch, ...epoch].forEach((f, i) => {
        accumulator.accumulate(f, { examples: 1, variables });
        if (i % 3 === 2 || i === 19) accumulator.applyTo(loop.model.optimizer);
      });
      t.deepEqual(bitsOf(model), bitsOf(loop.model));
      const reports = [optimizer, loop.model.optimizer].map(
        (each) => (each as { lastStep?: unknown }).lastStep,
      );
      t.deepEqual(reports[0], reports[1]);
    });
  }
}

test.serial('one mini-batch a step is the optimiser itself', async (t) => {
  const wrapped = problem(
    new AccumulatingOptimizer({ optimizer: new AliG({ maxLearningRate: 0.1 }), miniBatches: 1 }),
  );
  const plain = problem(new AliG({ maxLearningRate: 0.1 }));
  for (const { model, inputs, labels } of [wrapped, plain]) {
    await model.fit(inputs, labels, { ...quiet, epochs: 2 });
  }
  t.deepEqual(bitsOf(wrapped.model), bitsOf(plain.model));
});

test.serial('it is saved with a model and goes on; a rest is not saved', async (t) => {
  for (const make of Object.values(makers)) {
    const optimizer = new AccumulatingOptimizer({ optimizer: make(), miniBatches: 3 });
    const { model, inputs, labels } = problem(optimizer);
    await model.fit(inputs, labels, { ...quiet, epochs: 1 });
    const loaded = await tf.loadLayersModel(await savedToMemory(model));
    const restored = loaded.optimizer as AccumulatingOptimizer;
    t.true(restored instanceof AccumulatingOptimizer);
    t.is(restored.optimizer.getClassName(), optimizer.optimizer.getClassName());
    t.is(restored.miniBatches, 3);
    t.is(restored.rest, 0);
    t.is(optimizer.rest, 2);
    optimizer.reset();
    t.is(optimizer.rest, 0);
    for (const each of [model, loaded]) await each.fit(inputs, labels, { ...quiet, epochs: 1 });
    t.deepEqual(bitsOf(loaded), bitsOf(model));
  }
});

test.serial('loggers and setLearningRate work on it', async (t) => {
  const optimizer = new AccumulatingOptimizer({
    optimizer: new AliG({ maxLearningRate: 0.1 }),
    miniBatches: 2,
  });
  setLearningRate(optimizer, 0.01);
  t.is(optimizer.optimizer.maxLearningRate, 0.01);
  const { model, inputs, labels } = problem(optimizer);
  const callbacks = stepLogger(optimizer);
  const { history } = await model.fit(inputs, labels, { ...quiet, epochs: 1, callbacks });
  t.is(history['stepSize']!.length, 1);
  // The history has the loss of the mini-batches.
  t.true(Number.isFinite(history['loss']![0]));
});

for (const onNonFinite of ['throw', 'skip'] as const) {
  test.serial(`a refused step takes its moving statistics back (${onNonFinite})`, (t) => {
    const wrapped = new AliG({ maxLearningRate: 0.1, onNonFinite });
    const optimizer = new AccumulatingOptimizer({ optimizer: wrapped, miniBatches: 3 });
    const { model, inputs, labels } = problem(optimizer, true);
    const [good] = losses(model, inputs, labels);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const step = (f: () => tf.Scalar) => optimizer.minimize(f, false, variables);
    for (let i = 0; i < 3; i++) step(good!);
    const [bits, tensors] = [bitsOf(model), tensorCount()];
    const bad = () => good!().mul(NaN).asScalar();
    step(good!);
    step(bad);
    if (onNonFinite === 'throw') t.throws(() => step(good!), { instanceOf: NonFiniteError });
    else step(good!);
    t.deepEqual(bitsOf(model), bits);
    t.is(optimizer.rest, 0);
    t.is(tensorCount(), tensors);
    for (let i = 0; i < 3; i++) step(good!);
    t.is(optimizer.iterations, 2);
    t.notDeepEqual(bitsOf(model), bits);
  });
}

test.serial('what is no such optimiser is refused by name', (t) => {
  const optimizer = tf.train.sgd(0.1);
  const rows: [unknown, RegExp][] = [
    [{ optimizer: 'sgd', miniBatches: 2 }, /optimizer must be one with applyGradients, .* 'sgd'/],
    [{ optimizer, miniBatches: 0 }, /miniBatches must be a whole number from 1, not 0/],
    [{ optimizer }, /miniBatches must be a whole number from 1, not undefined/],
    [{ optimizer, miniBatches: 2, steps: 3 }, /steps/],
  ];
  for (const [options, message] of rows) {
    t.throws((): unknown => Reflect.construct(AccumulatingOptimizer, [options]), { message });
  }
  const accumulating = new AccumulatingOptimizer({ optimizer, miniBatches: 2 });
  const saved = accumulating.getConfig();
  (saved['optimizer'] as { name: number[] }).name = [65];
  t.throws(
    () => AccumulatingOptimizer.fromConfig<tf.Optimizer>(AccumulatingOptimizer as never, saved),
    {
      message: /has the class 'A', which is not registered; import the module/,
    },
  );
});
