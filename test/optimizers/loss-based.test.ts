/** What optimisers whose step size comes from the loss have beyond their rules. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  Aprox,
  createOptimizer,
  Dfw,
  l2Ball,
  ObermanPrazeres,
  Polyak,
  Sps,
  type HyperParameters,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';

function variableOf(values: number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d(values)));
}

/** f(w) = |w|^2 / 2, whose gradient is w. */
function halfSquare(w: tf.Variable): tf.Scalar {
  return tf.mul(tf.sum(tf.square(w)), 0.5);
}

for (const backend of backendNames) {
  test.serial(`Polyak takes its step size from the objective on ${backend}`, async (t) => {
    await useBackend(backend);
    const tensors = tf.memory().numTensors;
    const w = variableOf([3, -4]);
    const optimizer = new Polyak({ objective: () => halfSquare(w), optimalValue: -1 });
    optimizer.minimize(() => tf.mul(halfSquare(w), 1), false, [w]);
    t.is(optimizer.lastStep!.loss, 12.5);
    t.true(Math.abs(optimizer.lastStep!.stepSize - 13.5 / 25) < 1e-6);
    // Without a loss, and with a number.
    optimizer.objective = () => 2;
    const gradient = tf.tensor1d([1, 1]);
    optimizer.applyGradients({ [w.name]: gradient });
    t.is(optimizer.lastStep!.stepSize, 1.5);
    optimizer.dispose();
    tf.dispose([w, gradient]);
    t.is(tf.memory().numTensors, tensors);
  });

  test.serial(`each step of Sps may have its own f* on ${backend}`, async (t) => {
    await useBackend(backend);
    const w = variableOf([3, -4]);
    const gradient = tf.tensor1d([3, 4]);
    const optimizer = new Sps({ variant: 'constant', c: 1, epsilon: 0, optimalValue: 5 });
    const stepSizes = [{ optimalValue: 25 }, {}].map((own) => {
      optimizer.applyGradients({ [w.name]: gradient }, { loss: 50, ...own });
      return optimizer.lastStep!.stepSize;
    });
    t.deepEqual(stepSizes, [1, Math.fround(45 / 25)]);
    t.throws(
      () => {
        optimizer.applyGradients({ [w.name]: gradient }, { loss: 50, optimalValue: NaN });
      },
      { instanceOf: RangeError, message: /optimalValue must be a finite number, not NaN/ },
    );
    t.is(optimizer.optimalValue, 5);
    optimizer.dispose();
    tf.dispose([w, gradient]);
  });
}

test.serial('the objective is that of the projected variables', async (t) => {
  await useBackend('tensorflow');
  const w = variableOf([3, -4]);
  const optimizer = new Polyak({ objective: () => halfSquare(w), constraint: l2Ball(1) });
  optimizer.minimize(() => halfSquare(w), false, [w]);
  t.true(Math.abs(optimizer.lastStep!.loss - 0.5) < 1e-6);
  optimizer.dispose();
  w.dispose();
});

test.serial('a loaded optimiser asks for its objective', async (t) => {
  await useBackend('tensorflow');
  const tensors = tf.memory().numTensors;
  const saved = new ObermanPrazeres({ objective: () => 1 });
  const config = JSON.parse(JSON.stringify(saved.getConfig())) as tf.serialization.ConfigDict;
  const loaded = ObermanPrazeres.fromConfig(ObermanPrazeres, config);
  t.is(loaded.objective, null);
  const w = variableOf([2, 0]);
  const step = () => loaded.minimize(() => halfSquare(w), false, [w]);
  t.throws(step, { message: /objective is missing.*set optimizer\.objective/ });
  // Both are refused, and leave no tensor.
  loaded.objective = () => tf.tensor1d([1, 2]) as tf.Tensor as tf.Scalar;
  t.throws(step, { message: /loss must be a scalar/ });
  t.deepEqual([...w.dataSync()], [2, 0]);
  loaded.objective = () => 1;
  step();
  t.is(loaded.lastStep!.stepSize, 0.25);
  t.throws(() => new Polyak({ objective: 3 as unknown as () => number }), {
    instanceOf: TypeError,
    message: /objective must be a function/,
  });
  for (const optimizer of [saved, loaded]) optimizer.dispose();
  w.dispose();
  t.is(tf.memory().numTensors, tensors);
});

test.serial('the learning rate of Aprox falls with the number of the step', async (t) => {
  await useBackend('tensorflow');
  const w = variableOf([1]);
  const gradient = tf.tensor1d([1]);
  const optimizer = new Aprox({ learningRate: 0.5, power: 0.5 });
  const stepSizes = [1, 2, 3, 4].map(() => {
    optimizer.applyGradients({ [w.name]: gradient }, { loss: 100 });
    return optimizer.lastStep!.stepSize;
  });
  stepSizes.forEach((size, i) => {
    t.true(Math.abs(size - 0.5 * (i + 1) ** -0.5) < 1e-7);
  });
  optimizer.dispose();
  tf.dispose([w, gradient]);
});

test.serial('averages, bounds and previous step sizes go on after restoring', async (t) => {
  const names = ['l4mom', 'l4adam', 'sps', 'momo', 'momoadam'] as const;
  for (const backend of backendNames) {
    await useBackend(backend);
    const tensors = tf.memory().numTensors;
    for (const name of names) {
      const run = async (restoreAfter: number | null) => {
        const w = variableOf([3, -4, 0.5]);
        let optimizer = createOptimizer(name, name === 'sps' ? {} : { weightDecay: 0.1 });
        for (let i = 0; i < 5; i++) {
          if (i === restoreAfter) {
            const weights = await optimizer.getWeights();
            optimizer.dispose();
            optimizer = createOptimizer(
              name,
              optimizer.getConfig() as HyperParameters[typeof name],
            );
            await optimizer.setWeights(weights);
            tf.dispose(weights.map(({ tensor }) => tensor));
          }
          optimizer.minimize(() => halfSquare(w), false, [w]);
        }
        const values = [...w.dataSync()];
        optimizer.dispose();
        w.dispose();
        return values;
      };
      t.deepEqual(await run(3), await run(null), `${name} on ${backend}`);
    }
    t.is(tf.memory().numTensors, tensors);
  }
});

test('hyper-parameters that the published constructors refuse are refused, by their name', (t) => {
  for (const [name, hyperParameters, wrong] of [
    ['dfw', { learningRate: 0.1, momentum: -1 }, 'momentum'],
    ['dfw', { learningRate: 0.1, weightDecay: -1e-4 }, 'weightDecay'],
    ['bpgrad', { learningRate: 0.1, momentum: -0.5 }, 'momentum'],
  ] as const) {
    t.throws(() => createOptimizer(name, hyperParameters), {
      instanceOf: RangeError,
      message: new RegExp(`${wrong} must be `),
    });
  }
  t.throws(() => new Dfw({} as { learningRate: number }), { message: /learningRate is missing/ });
  t.throws(() => new Sps({ variant: 'other' }), { message: /variant must be/ });
  t.throws(() => new Sps({ maxStepSize: 1 }), { message: /variant must be 'constant'/ });
});
