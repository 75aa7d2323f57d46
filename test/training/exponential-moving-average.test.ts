/** The moving average of the weights against its formula, and who owns what. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, crossEntropy, ExponentialMovingAverage } from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';
import { examples, newNetwork, relativeDifference, valuesOf } from './classifier.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

function newVariable(...values: number[]): tf.Variable {
  const initial = tf.tensor1d(values);
  const variable = tf.variable(initial);
  initial.dispose();
  return variable;
}

function assign(variable: tf.Variable, ...values: number[]): void {
  const value = tf.tensor1d(values);
  variable.assign(value);
  value.dispose();
}

/** The averages that withAverages shows. */
function averagesOf(average: ExponentialMovingAverage, variables: tf.Variable[]): number[] {
  return average.withAverages(() => valuesOf(variables));
}

for (const backend of backendNames) {
  for (const warmUp of [false, true]) {
    test.serial(
      `follows its formula in a training${warmUp ? ', with warm-up' : ''} (${backend})`,
      async (t) => {
        await useBackend(backend);
        const before = tensorCount();
        const { inputs, labels } = examples(10);
        const { variables, scores } = newNetwork();
        const optimizer = new AliG({ maxLearningRate: 0.5 });
        const average = new ExponentialMovingAverage(variables, { decay: 0.75, warmUp });
        const expected = valuesOf(variables);
        t.deepEqual(averagesOf(average, variables), expected);
        let afterFirst = 0;
        for (let step = 1; step <= 8; step++) {
          optimizer.minimize(
            () => crossEntropy(labels, scores(inputs)).mean().asScalar(),
            false,
            variables,
          );
          average.update();
          const decay = warmUp ? Math.min(0.75, (1 + step) / (10 + step)) : 0.75;
          valuesOf(variables).forEach((weight, i) => {
            expected[i] = decay * expected[i]! + (1 - decay) * weight;
          });
          if (step === 1) afterFirst = tensorCount();
          t.is(tensorCount(), afterFirst);
        }
        t.is(average.updates, 8);
        const weights = valuesOf(variables);
        const difference = relativeDifference(averagesOf(average, variables), expected);
        t.true(difference < 1e-6, `differs by ${difference}`);
        t.deepEqual(valuesOf(variables), weights, 'the weights are back, bit by bit');
        t.is(tensorCount(), afterFirst);
        average.dispose();
        average.dispose();
        optimizer.dispose();
        tf.dispose([inputs, labels, variables]);
        t.is(tensorCount(), before);
      },
    );
  }

  test.serial(`withAverages restores after errors and promises (${backend})`, async (t) => {
    await useBackend(backend);
    const variable = newVariable(1, 2);
    const average = new ExponentialMovingAverage([variable], { decay: 0.5 });
    assign(variable, 3, 6);
    average.update();
    const before = tensorCount();
    const seen = () => [...variable.dataSync()];
    t.is(
      average.withAverages(() => 'result'),
      'result',
    );
    t.deepEqual(average.withAverages(seen), [2, 4]);
    t.throws(
      () =>
        average.withAverages(() => {
          throw new Error('evaluation failed');
        }),
      { message: 'evaluation failed' },
    );
    t.deepEqual(seen(), [3, 6]);
    const later = average.withAverages(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return seen();
    });
    for (const method of ['update', 'withAverages'] as const) {
      t.throws(
        () => {
          average[method](seen);
        },
        { message: new RegExp(`${method} was called while withAverages has the averages`) },
      );
    }
    t.deepEqual(seen(), [2, 4]);
    t.deepEqual(await later, [2, 4]);
    t.deepEqual(seen(), [3, 6]);
    await t.throwsAsync(
      average.withAverages(() => Promise.reject(new Error('test set lost'))),
      { message: 'test set lost' },
    );
    t.deepEqual(seen(), [3, 6]);
    t.is(tensorCount(), before);
    average.dispose();
    variable.dispose();
  });

  test.serial(`no live parameter, and nothing handed out, is written (${backend})`, async (t) => {
    await useBackend(backend);
    const typedArray = new Float32Array(64).fill(2);
    const initial = tf.tensor1d(typedArray);
    const variable = tf.variable(initial);
    const clone = variable.clone();
    const average = new ExponentialMovingAverage([variable], { decay: 0.5 });
    // A write into the array is seen by the tensors that share it, but not by the average.
    typedArray.fill(8);
    t.true(averagesOf(average, [variable]).every((value) => value === 2));
    typedArray.fill(2);
    const handed = await average.getWeights();
    assign(variable, ...Array<number>(64).fill(4));
    average.update();
    // What is assigned while the averages are in place is lost, and does not reach the averages.
    average.withAverages(() => {
      assign(variable, ...Array<number>(64).fill(100));
    });
    average.update();
    t.true(typedArray.every((value) => value === 2));
    t.true(valuesOf([initial, clone]).every((value) => value === 2));
    t.true(valuesOf([variable]).every((value) => value === 4));
    t.true(valuesOf([handed[1]!.tensor]).every((value) => value === 2));
    t.true(averagesOf(average, [variable]).every((value) => value === 3.5));
    average.dispose();
    tf.dispose([initial, variable, clone, handed.map(({ tensor }) => tensor)]);
  });

  test.serial(`saves and goes on bit by bit (${backend})`, async (t) => {
    await useBackend(backend);
    const [first, second] = [newVariable(1, 2), newVariable(3)];
    const options = { decay: 0.9, warmUp: true };
    const original = new ExponentialMovingAverage([first, second], options);
    assign(first, 5, -1);
    original.update();
    const before = tensorCount();
    const saved = await original.getWeights();
    t.deepEqual(
      saved.map(({ name }) => name),
      ['updates', `${first.name}/average`, `${second.name}/average`],
    );
    t.is(tensorCount(), before);
    const { data, specs } = await tf.io.encodeWeights(saved);
    tf.dispose(saved.map(({ tensor }) => tensor));
    const decoded = tf.io.decodeWeights(data, JSON.parse(JSON.stringify(specs)) as typeof specs);
    const [otherFirst, otherSecond] = [newVariable(5, -1), newVariable(3)];
    const resumed = new ExponentialMovingAverage([otherFirst, otherSecond], options);
    await resumed.setWeights(Object.entries(decoded).map(([name, tensor]) => ({ name, tensor })));
    tf.dispose(decoded);
    t.is(resumed.updates, 1);
    for (const variable of [first, otherFirst]) assign(variable, 7, 7);
    for (const average of [original, resumed]) average.update();
    t.deepEqual(
      averagesOf(resumed, [otherFirst, otherSecond]),
      averagesOf(original, [first, second]),
    );
    resumed.dispose();
    original.dispose();
    tf.dispose([first, second, otherFirst, otherSecond]);
  });
}

test.serial('bad input: errors name argument, value and remedy', async (t) => {
  const [variable, gone] = [newVariable(1, 2), newVariable(1)];
  gone.dispose();
  const make = (variables: unknown, options?: unknown) => () =>
    new ExponentialMovingAverage(variables as tf.Variable[], options as { decay: number });
  const before = tensorCount();
  const rows: [() => unknown, RegExp][] = [
    [make(undefined), /variables must be a list .* not undefined; .*trainableWeights/],
    [make([]), /variables must be .* not an empty list/],
    [make([variable, 3]), /variables\[1\] must be a tf.Variable, not 3/],
    [make([gone]), /variables\[0\] is disposed/],
    [make([variable], { decay: 1 }), /decay must be a number from 0 up to .* not 1/],
    [make([variable], { decay: NaN }), /decay must be .* not NaN/],
    [make([variable], { decya: 0.9 }), /no option 'decya'; did you mean 'decay'/],
    [make([variable], { warmUp: 1 }), /warmUp must be true or false, not 1/],
  ];
  for (const [action, message] of rows) t.throws(action, { message });
  t.is(tensorCount(), before);

  const average = new ExponentialMovingAverage([variable]);
  t.throws(() => average.withAverages(3 as unknown as () => number), {
    message: /withAverages takes a function, not 3/,
  });
  const saved = await average.getWeights();
  await t.throwsAsync(average.setWeights(saved.slice(1)), {
    message: /one average for each of the 1 variables, but was given 1 tensors/,
  });
  const wrong = { name: 'wrong', tensor: tf.tensor1d([1, 2, 3]) };
  await t.throwsAsync(average.setWeights([saved[0]!, wrong]), {
    message: /saved average 0 \(for '.*'\) has shape \[3\], but its parameter has \[2\]/,
  });
  t.deepEqual(averagesOf(average, [variable]), [1, 2]);
  const disposable = newVariable(1);
  const forgotten = new ExponentialMovingAverage([disposable]);
  const { name } = disposable;
  disposable.dispose();
  t.throws(
    () => {
      forgotten.update();
    },
    { message: new RegExp(`variable '${name}' is disposed`) },
  );
  average.dispose();
  for (const action of ['update', 'getWeights'] as const) {
    await t.throwsAsync(async () => average[action](), { message: /disposed; make a new one/ });
  }
});

test.serial('what is not trainable is averaged, or copied at each update', (t) => {
  for (const [statistics, expected] of [
    ['average', 3],
    ['copy', 5],
  ] as const) {
    const weight = newVariable(1);
    const moving = tf.variable(tf.tensor1d([1]), false);
    const average = new ExponentialMovingAverage([weight, moving], { decay: 0.5, statistics });
    assign(weight, 5);
    assign(moving, 5);
    average.update();
    t.deepEqual(averagesOf(average, [weight, moving]), [3, expected]);
  }
  t.throws(() => new ExponentialMovingAverage([newVariable(1)], { statistics: 'none' as 'copy' }), {
    message: /statistics must be 'average' or 'copy', not 'none'/,
  });
});
