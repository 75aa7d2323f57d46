/** The callback that sets the learning rate by a schedule in model.fit. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  cosineDecay,
  exponentialDecay,
  learningRateScheduler,
  PlateauDecay,
  setLearningRate,
  Sgd,
  warmUp,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar, and examples in their order. */
const quiet = { verbose: 0, shuffle: false } as const;

function compiled(optimizer: tf.Optimizer) {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const inputs = tf.tensor2d([1, 2, 3, -1, 0.5, 1, -2, 2], [4, 2]);
  return { model, inputs, labels: tf.tensor2d([1, 2, 0, 1], [4, 1]) };
}

function weights(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((tensor) => [...tensor.dataSync()]);
}

const schedule = warmUp({ schedule: cosineDecay({ learningRate: 0.1, over: 12 }), over: 3 });
const makers: Record<string, () => tf.Optimizer> = {
  'tf.train.sgd': () => tf.train.sgd(1),
  Sgd: () => new Sgd({ learningRate: 1 }),
  AliG: () => new AliG({ maxLearningRate: 1 }),
};

for (const backend of backendNames) {
  for (const [name, make] of Object.entries(makers)) {
    test.serial(`by step as in a loop, also resumed: ${name} (${backend})`, async (t) => {
      await useBackend(backend);
      const { model, inputs, labels } = compiled(make());
      for (const epochs of [2, 1]) {
        const { history } = await model.fit(inputs, labels, {
          ...quiet,
          epochs,
          batchSize: 1,
          callbacks: learningRateScheduler(model.optimizer, { schedule, by: 'step' }),
        });
        const expected = epochs === 2 ? [schedule(3), schedule(7)] : [schedule(11)];
        t.deepEqual(history['learningRate'], expected);
      }
      const loop = compiled(make());
      for (let step = 0; step < 12; step++) {
        setLearningRate(loop.model.optimizer, schedule(step));
        const place = step % 4;
        await loop.model.trainOnBatch(inputs.slice(place, 1), labels.slice(place, 1));
      }
      t.deepEqual(weights(model), weights(loop.model));
    });
  }
}

test.serial('by epoch with a plateau, from initialEpoch on', async (t) => {
  const optimizer = tf.train.sgd(1);
  const { model, inputs, labels } = compiled(optimizer);
  const decay = exponentialDecay({ learningRate: 0.01, factor: 0.5 });
  // The loss falls, so that the largest is the first, and all others are no better.
  const plateau = new PlateauDecay({ learningRate: 1, factor: 0.1, mode: 'max' });
  const { history } = await model.fit(inputs, labels, {
    ...quiet,
    initialEpoch: 2,
    epochs: 5,
    validationData: [inputs, labels],
    callbacks: learningRateScheduler(optimizer, { schedule: decay, plateau, monitor: 'val_loss' }),
  });
  t.is(plateau.getState().best, (history['val_loss'] as number[])[0]!);
  t.deepEqual(history['learningRate'], [decay(2), decay(3), decay(4) * 0.1]);
});

test.serial('a plateau whose value is not in the logs is an error', async (t) => {
  const { model, inputs, labels } = compiled(tf.train.sgd(0.1));
  const plateau = new PlateauDecay({ learningRate: 0.1 });
  const callbacks = learningRateScheduler(model.optimizer, { plateau, monitor: 'val_acc' });
  await t.throwsAsync(model.fit(inputs, labels, { ...quiet, epochs: 1, callbacks }), {
    message:
      /the logs of the epoch have no 'val_acc', .* they have loss\. Give fit validation data/,
  });
});

test('what is no schedule is refused by name', (t) => {
  const optimizer = tf.train.sgd(0.1);
  const plateau = new PlateauDecay({ learningRate: 0.1 });
  const rows: [unknown, RegExp][] = [
    [{}, /give a schedule, a plateau, or both/],
    [{ schedule: 0.1 }, /schedule must be a function .* not 0.1/],
    [{ schedule, by: 'batch' }, /by must be 'epoch' or 'step', not 'batch'/],
    [{ plateau }, /plateau and monitor, .* need each other; monitor is undefined/],
    [{ schedule, monitor: 'val_acc' }, /need each other; monitor is 'val_acc'/],
    [{ plateau: {}, monitor: 'loss' }, /plateau must be a PlateauDecay, not an object/],
    [{ schedule, every: 'step' }, /every/],
  ];
  for (const [options, message] of rows) {
    t.throws(() => learningRateScheduler(optimizer, options as never), { message });
  }
});
