/** Learning-rate schedules, and that each optimiser steps with the rate that is set. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  cosineDecay,
  exponentialDecay,
  PlateauDecay,
  powerDecay,
  setLearningRate,
  Sgd,
  Sps,
  stepDecay,
  warmUp,
  type PlateauDecayOptions,
  type PlateauDecayState,
} from '../../lib/index.js';
import { useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar. */
const quiet = { verbose: 0 } as const;

const makers: Record<string, (learningRate: number) => tf.Optimizer> = {
  'tf.train.sgd': (rate) => tf.train.sgd(rate),
  'tf.train.momentum': (rate) => tf.train.momentum(rate, 0.9),
  'tf.train.adam': (rate) => tf.train.adam(rate),
  'tf.train.adamax': (rate) => tf.train.adamax(rate),
  'tf.train.adagrad': (rate) => tf.train.adagrad(rate),
  'tf.train.adadelta': (rate) => tf.train.adadelta(rate),
  'tf.train.rmsprop': (rate) => tf.train.rmsprop(rate),
  AliG: (rate) => new AliG({ maxLearningRate: rate }),
};

function valueAfterStep(optimizer: tf.Optimizer): number {
  const variable = tf.variable(tf.scalar(3));
  optimizer.minimize(() => variable.square().asScalar(), false, [variable]);
  const value = variable.dataSync()[0]!;
  variable.dispose();
  return value;
}

for (const [name, make] of Object.entries(makers)) {
  test.serial(`${name} steps with the learning rate that is set`, (t) => {
    const optimizer = make(0.01);
    const before = tensorCount();
    setLearningRate(optimizer, 0.02);
    t.is(tensorCount(), before);
    const value = valueAfterStep(optimizer);
    t.is(value, valueAfterStep(make(0.02)));
    t.not(value, valueAfterStep(make(0.01)));
  });
}

for (const [name, make] of Object.entries(makers)) {
  test.serial(`${name} takes a step with the learning rate 0`, (t) => {
    const optimizer = make(0.01);
    setLearningRate(optimizer, 0);
    t.is(valueAfterStep(optimizer), 3);
    if (name !== 'AliG') return;
    const loaded = AliG.fromConfig<AliG>(AliG, optimizer.getConfig());
    t.is(loaded.maxLearningRate, 0);
    t.throws(() => new AliG({ maxLearningRate: 0 }), {
      instanceOf: RangeError,
      message: /maxLearningRate must be a positive number, .* not 0; between steps it may be set/,
    });
  });
}

test('a rate by a name that the optimiser does not have fails aloud', (t) => {
  const aliG = new AliG({ maxLearningRate: 0.1 });
  const sgd = new Sgd({ learningRate: 0.1 });
  const rows: [tf.Optimizer, string, RegExp][] = [
    [aliG, 'learningRate', /AliG has no learningRate .* 0.02: set maxLearningRate/],
    [aliG, 'lr', /AliG has no lr .*: set maxLearningRate/],
    [aliG, 'momentum', /AliG: momentum cannot be changed to 0.02 between steps; make a new/],
    [sgd, 'maxLearningRate', /Sgd has no maxLearningRate .*: set learningRate/],
    [new Sps(), 'learningRate', /Sps has no learningRate .*: its step size has no rate to set/],
  ];
  for (const [optimizer, property, message] of rows) {
    t.throws(() => Reflect.set(optimizer, property, 0.02), { instanceOf: TypeError, message });
  }
  t.is((aliG as unknown as { momentum: number }).momentum, 0.9);
  setLearningRate(aliG, 0.01);
  t.is(aliG.maxLearningRate, 0.01);
  setLearningRate(sgd, 0.01);
  t.is(sgd.learningRate, 0.01);
});

test('a learning rate out of range, or an optimiser without one, is refused', (t) => {
  const optimizer = tf.train.sgd(0.1);
  for (const value of [-1, NaN, Infinity, '0.1', undefined]) {
    t.throws(
      () => {
        setLearningRate(optimizer, value as number);
      },
      { instanceOf: RangeError, message: /learningRate must be a number of 0 or more, not/ },
    );
  }
  for (const wrong of [{}, null, undefined, 'sgd']) {
    t.throws(
      () => {
        setLearningRate(wrong as tf.Optimizer, 0.1);
      },
      { instanceOf: TypeError, message: /has no learning rate to set: .*tf.train.sgd or AliG/ },
    );
  }
});

test('stepDecay falls after the epochs that are named', (t) => {
  const schedule = stepDecay({ learningRate: 0.1, afterEpochs: [60, 120, 160], factor: 0.2 });
  const rates = [0, 59, 60, 119, 120, 159, 160, 199].map(schedule);
  [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008].forEach((expected, i) => {
    t.true(Math.abs(rates[i]! / expected - 1) < 1e-12, String(rates));
  });
  t.is(stepDecay({ learningRate: 0.1, afterEpochs: [], factor: 0.2 })(500), 0.1);
});

test('exponentialDecay and powerDecay follow their formulas', (t) => {
  const exponential = exponentialDecay({ learningRate: 2 });
  t.is(exponential(0), 2);
  t.is(exponential(1), 2 * 0.99);
  t.true(Math.abs(exponential(100) - 2 * Math.exp(100 * Math.log(0.99))) < 1e-12);
  t.is(exponentialDecay({ learningRate: 2, factor: 0.5 })(3), 0.25);
  const power = powerDecay({ learningRate: 3 });
  t.is(power(1), 3);
  t.is(power(4), 1.5);
  t.true(Math.abs(powerDecay({ learningRate: 3, power: 1 })(7) - 3 / 7) < 1e-15);
});

test('PlateauDecay divides where the value is no better than the best', (t) => {
  const plateau = new PlateauDecay({ learningRate: 1 });
  const accuracies = [0.5, 0.6, 0.6, 0.55, 0.7, NaN];
  const expected = [1, 1, 0.2, 0.04, 0.04, 0.008];
  accuracies.forEach((accuracy, i) => {
    t.true(Math.abs(plateau.update(accuracy) - expected[i]!) < 1e-15, `after ${accuracy}`);
  });
  const losses = new PlateauDecay({ learningRate: 1, mode: 'min', factor: 0.5, patience: 1 });
  t.deepEqual(
    [5, 4, 4, 4, 3, 6, 6, 6, 6].map((loss) => losses.update(loss)),
    [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125],
  );
});

test('a cosine ends at 0 and a warm-up starts there', (t) => {
  const cosine = cosineDecay({ learningRate: 0.4, over: 4, minimum: 0.2 });
  t.is(cosine(0), 0.4);
  t.true(Math.abs(cosine(2) - 0.3) < 1e-15);
  for (const time of [4, 5]) t.is(cosine(time), 0.2);
  t.is(cosineDecay({ learningRate: 1, over: 3 })(3), 0);
  const warm = warmUp({ schedule: (time) => 8 - time, over: 4, from: 0.5 });
  t.deepEqual([0, 2, 4, 5].map(warm), [4, 4.5, 4, 3]);
  t.deepEqual([0, 1, 2, 9].map(warmUp({ schedule: 0.5, over: 2 })), [0, 0.25, 0.5, 0.5]);
  t.throws(() => cosineDecay({ learningRate: 1, over: 0 }), { message: /over must be a positive/ });
  t.throws(() => cosineDecay({ learningRate: 1, over: 1, minimum: 1 }), {
    message: /minimum must be .* less than learningRate, not 1/,
  });
  t.throws(() => warmUp({ schedule: -1, over: 1 }), { message: /schedule must be .* not -1/ });
  t.throws(() => warmUp({ schedule: 1, over: 1 })(-1), { message: /time must be .* not -1/ });
});

test('PlateauDecay goes on from its state, which survives JSON', (t) => {
  const options: PlateauDecayOptions = { learningRate: 1, factor: 0.5, patience: 1 };
  const original = new PlateauDecay(options);
  t.deepEqual(original.getState(), { learningRate: 1, best: null, waited: 0 });
  for (const value of [0.5, 0.4]) original.update(value);
  const resumed = new PlateauDecay(options);
  resumed.setState(JSON.parse(JSON.stringify(original.getState())) as PlateauDecayState);
  t.deepEqual(resumed.getState(), { learningRate: 1, best: 0.5, waited: 1 });
  for (const value of [0.45, 0.6, 0.6, 0.6]) t.is(resumed.update(value), original.update(value));
  t.is(resumed.learningRate, 0.25);
  t.throws(
    () => {
      resumed.setState({ learningRate: -1, best: null, waited: 0 });
    },
    { message: /PlateauDecay.setState: learningRate must be a number of 0 or more, not -1/ },
  );
  t.is(resumed.learningRate, 0.25);
});

test('schedules refuse options and times out of range', (t) => {
  const step = { learningRate: 0.1, afterEpochs: [2], factor: 0.2 };
  const rows: [() => unknown, RegExp][] = [
    [() => stepDecay({ ...step, learningRate: 0 }), /stepDecay: learningRate .*, not 0/],
    [() => stepDecay({ ...step, factor: 1 }), /factor must be a number between 0 and 1, not 1/],
    [() => stepDecay({ ...step, afterEpochs: [2, 2] }), /afterEpochs\[1\] .* from 3, not 2/],
    [() => stepDecay({ ...step, afterEpochs: [0] }), /afterEpochs\[0\] .* from 1, not 0/],
    [() => stepDecay({ ...step, afterEpochs: 60 as unknown as [] }), /afterEpochs must be a list/],
    [
      () => stepDecay({ ...step, factr: 1 } as typeof step),
      /no option 'factr'; did you mean 'factor'/,
    ],
    [() => stepDecay(step)(-1), /epoch must be a whole number from 0, not -1/],
    [() => exponentialDecay({ learningRate: 1 })(0.5), /epoch must be .*, not 0.5/],
    [() => exponentialDecay({ learningRate: 1, factor: 0 }), /factor must be .*, not 0/],
    [() => powerDecay({ learningRate: 1 })(0), /step must be a whole number from 1, not 0/],
    [() => powerDecay({ learningRate: 1, power: -1 }), /power must be a positive number, not -1/],
    [() => new PlateauDecay({ learningRate: NaN }), /learningRate must be .*, not NaN/],
    [
      () => new PlateauDecay({ learningRate: 1, mode: 'auto' as 'min' }),
      /mode must be .* not 'auto'/,
    ],
    [() => new PlateauDecay({ learningRate: 1, patience: -1 }), /patience must be .*, not -1/],
    [
      () => new PlateauDecay({ learningRate: 1 }).update('1' as unknown as number),
      /value must be a/,
    ],
  ];
  for (const [action, message] of rows) t.throws(action, { message });
});

test.serial('a schedule drives model.fit from its callbacks', async (t) => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  const optimizer = tf.train.sgd(1);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const schedule = stepDecay({ learningRate: 0.1, afterEpochs: [1], factor: 0.5 });
  const rates: unknown[] = [];
  await model.fit(tf.ones([4, 2]), tf.ones([4, 1]), {
    epochs: 3,
    ...quiet,
    callbacks: {
      onEpochBegin: (epoch) => {
        setLearningRate(optimizer, schedule(epoch));
        rates.push(optimizer.getConfig()['learningRate']);
      },
    },
  });
  t.deepEqual(rates, [0.1, 0.05, 0.05]);
});
