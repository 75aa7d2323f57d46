/** Steps that meet a number that is not finite: what is kept, and how they are skipped. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { Adam, AliG, NonFiniteError, stepLogger, type AliGOptions } from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

const good = tf.tensor2d([1, 2, -1, 0.5, 0, -2, 2, 1], [4, 2]);
const bad = tf.tensor2d([1, 2, NaN, 0.5, 0, -2, 2, 1], [4, 2]);
const targets = tf.tensor2d([1, 0, 2, -1], [4, 1]);
const quiet = { epochs: 1, verbose: 0 } as const;

/** A model with batch normalisation, which has seen a good batch. */
async function fitted(options: Partial<AliGOptions>) {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 3, inputShape: [2] }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 1 }),
    ],
  });
  const optimizer = new AliG({ maxLearningRate: 0.1, ...options });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await model.fit(good, targets, quiet);
  return { model, optimizer };
}

const weightsOf = (model: tf.LayersModel) =>
  model.getWeights().map((weight) => [...weight.dataSync()]);

/** What the action warns of. */
async function warnings(action: () => unknown): Promise<string[]> {
  const { warn } = console;
  const said: string[] = [];
  console.warn = (text: string) => said.push(text);
  try {
    await action();
  } finally {
    console.warn = warn;
  }
  return said;
}

for (const backend of backendNames) {
  test.serial(
    `a refused step leaves the moving statistics as they were (${backend})`,
    async (t) => {
      await useBackend(backend);
      const { model } = await fitted({});
      const before = weightsOf(model);
      const tensors = tensorCount();
      await t.throwsAsync(model.fit(bad, targets, quiet), {
        instanceOf: NonFiniteError,
        message:
          /parameters and state are as they were: .* moving statistics of batch normalisation/,
      });
      t.deepEqual(weightsOf(model), before);
      // The gradients, or the batch, that tfjs leaves behind where a step throws.
      t.true(tensorCount() - tensors < 20);
      await model.fit(good, targets, quiet);
      t.notDeepEqual(weightsOf(model), before);
    },
  );

  test.serial(`bad batches are skipped in fit, up to a limit in a row (${backend})`, async (t) => {
    await useBackend(backend);
    const { model, optimizer } = await fitted({ onNonFinite: 'skip', maxSkippedSteps: 2 });
    const before = weightsOf(model);
    const said = await warnings(async () => {
      await model.fit(bad, targets, { ...quiet, callbacks: stepLogger(optimizer) });
      await model.fit(bad, targets, quiet);
    });
    t.is(said.length, 1);
    t.regex(said[0]!, /AliG: a step is skipped .*the loss is not finite/);
    t.deepEqual(weightsOf(model), before);
    t.is(optimizer.lastStep!.status, 'lossNotFinite');
    t.is(optimizer.skippedSteps, 2);
    t.is(optimizer.iterations, 1);
    // A step that is taken begins a new row.
    await model.fit(good, targets, quiet);
    t.is(optimizer.iterations, 2);
    for (let i = 0; i < 2; i++) await model.fit(bad, targets, quiet);
    await t.throwsAsync(model.fit(bad, targets, quiet), {
      instanceOf: NonFiniteError,
      message: /2 steps before it were skipped \(maxSkippedSteps\)/,
    });
    t.is(optimizer.skippedSteps, 4);
  });
}

test.serial('a skipped gradient of applyGradients changes nothing', async (t) => {
  const variable = tf.variable(tf.tensor1d([1, 2]));
  const optimizer = new Adam({ onNonFinite: 'skip' });
  const apply = (...gradient: number[]) => {
    optimizer.applyGradients({ [variable.name]: tf.tensor1d(gradient) });
  };
  apply(1, 1);
  const weights = (await optimizer.getWeights()).map(({ tensor }) => [...tensor.dataSync()]);
  const values = [...variable.dataSync()];
  await warnings(() => {
    apply(NaN, 1);
  });
  t.deepEqual([...variable.dataSync()], values);
  t.deepEqual(
    (await optimizer.getWeights()).map(({ tensor }) => [...tensor.dataSync()]),
    weights,
  );
  // Bad arguments are no bad batch.
  t.throws(() => {
    apply(1, 1, 1);
  });
});

test('the options are saved where they are not the default, and checked', (t) => {
  t.false('onNonFinite' in new AliG({ maxLearningRate: 1 }).getConfig());
  const options = { maxLearningRate: 1, onNonFinite: 'skip', maxSkippedSteps: 3 } as const;
  const config = new AliG(options).getConfig();
  t.like(config, options);
  t.deepEqual(AliG.fromConfig<AliG>(AliG, config).getConfig(), config);
  t.throws(() => new AliG({ maxLearningRate: 1, onNonFinite: 'ignore' as 'skip' }), {
    instanceOf: RangeError,
    message: /onNonFinite must be 'throw' or 'skip', not 'ignore'/,
  });
  t.throws(() => new AliG({ maxLearningRate: 1, maxSkippedSteps: -1 }), {
    instanceOf: RangeError,
    message: /maxSkippedSteps must be a whole number from 0, not -1/,
  });
});
