/** Which variables a step moves, and which it leaves alone. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  box,
  ExponentialMovingAverage,
  l2Ball,
  Sgd,
  simplex,
  type Constraint,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';

/** No progress bar. */
const quiet = { verbose: 0 } as const;

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

function variable(values: readonly number[], trainable = true): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d([...values]), trainable));
}

const squares = (each: tf.Variable) => () => tf.sum(tf.square(each)).asScalar();

const constraints: Record<string, Constraint> = {
  'the ball': l2Ball(1),
  'a box': box(-0.5, 0.5),
  'the simplex': simplex,
  'a function': (variables) => {
    for (const each of variables) each.assign(tf.zerosLike(each));
  },
};

for (const backend of backendNames) {
  test.serial(`a variable that is listed twice is one variable (${backend})`, async (t) => {
    await useBackend(backend);
    const before = tensorCount();
    const results = [1, 2].map((times) => {
      const shared = variable([3, -4]);
      const list = Array<tf.Variable>(times).fill(shared);
      const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(2) });
      const average = new ExponentialMovingAverage(list, { decay: 0.5 });
      for (let step = 0; step < 3; step++) optimizer.minimize(squares(shared), false, list);
      average.update();
      const values = [...shared.dataSync(), ...average.withAverages(() => shared.dataSync())];
      const report = { ...optimizer.lastStep! };
      for (const each of [average, optimizer, shared]) each.dispose();
      return { values, report };
    });
    t.deepEqual(results[1], results[0]);
    t.is(tensorCount(), before);
  });

  for (const [name, constraint] of Object.entries(constraints)) {
    test.serial(`${name} covers the variables of a step alone (${backend})`, async (t) => {
      await useBackend(backend);
      const [base, head, unused] = [variable([3, 4]), variable([6, 8]), variable([5, 12])];
      const statistics = variable([7, 9], false);
      const optimizer = new Sgd({ learningRate: 0, momentum: 0.9, constraint });
      optimizer.minimize(squares(base), false, [base]);
      // Moved by hand: none of the later steps names it.
      tf.tidy(() => {
        base.assign(tf.tensor1d([3, 4]));
      });
      // Named without a gradient, and with one; what is not trainable is not the optimiser's.
      optimizer.minimize(squares(head), false, [head, unused, statistics]);
      t.deepEqual([...base.dataSync()], [3, 4]);
      t.deepEqual([...statistics.dataSync()], [7, 9]);
      t.notDeepEqual([...head.dataSync()], [6, 8]);
      t.notDeepEqual([...unused.dataSync()], [5, 12]);
      if (name === 'the ball') {
        const norm = Math.hypot(...head.dataSync(), ...unused.dataSync());
        t.true(Math.abs(norm - 1) < 1e-6, `norm ${norm}`);
      }
      const weights = await optimizer.getWeights();
      t.deepEqual(
        weights.map(({ name: weight }) => weight.split('/')[0]),
        ['iter', 'steps', base.name, head.name, unused.name].filter((each) =>
          weights.some((weight) => weight.name.startsWith(each)),
        ),
      );
    });
  }

  test.serial(
    `what has no gradient and can take no part is passed over (${backend})`,
    async (t) => {
      const other = backend === 'cpu' ? 'tensorflow' : 'cpu';
      await useBackend(other);
      const elsewhere = variable([5, 5]);
      await useBackend(backend);
      const moving = variable([3, 4]);
      const counter = tf.variable(tf.scalar(0, 'int32'));
      const mask = tf.variable(tf.tensor1d([true, false], 'bool'));
      const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(100) });
      const list = [moving, counter, mask, elsewhere];
      for (let step = 0; step < 2; step++) {
        optimizer.minimize(
          () => {
            tf.tidy(() => {
              counter.assign(counter.add(tf.scalar(1, 'int32')));
            });
            return squares(moving)();
          },
          false,
          list,
        );
      }
      t.is(optimizer.iterations, 2);
      t.is(counter.dataSync()[0], 2);
      t.deepEqual([...mask.dataSync()], [1, 0]);
      t.deepEqual([...elsewhere.dataSync()], [5, 5]);
      const weights = await optimizer.getWeights();
      t.is(weights.length, 2, 'one velocity');
      // With a gradient they are no bystanders.
      t.throws(
        () => {
          optimizer.applyGradients({ [counter.name]: tf.scalar(1) }, { loss: 1 });
        },
        { message: /has dtype int32; a step takes float32/ },
      );
    },
  );
}

test.serial('a layer that two models share trains as with tf.train.sgd', async (t) => {
  const inputs = tf.randomNormal([8, 3], 0, 1, 'float32', 1);
  const targets = tf.randomNormal([8, 1], 0, 1, 'float32', 2);
  const fit = async (optimizer: tf.Optimizer) => {
    const ones = () => tf.initializers.ones();
    const shared = tf.layers.dense({
      units: 3,
      useBias: false,
      inputShape: [3],
      kernelInitializer: ones(),
    });
    const first = tf.sequential({ layers: [shared] });
    const last = tf.layers.dense({ units: 1, kernelInitializer: ones() });
    const second = tf.sequential({ layers: [shared, last] });
    const input = tf.input({ shape: [3] });
    const output = second.apply(first.apply(input)) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: output });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const { history } = await model.fit(inputs, targets, { epochs: 3, ...quiet });
    return history['loss'] as number[];
  };
  // tf.train.sgd moves a weight once for each time that it is listed; the first loss is of none.
  const theirs = await fit(tf.train.sgd(1e-3));
  const ours = await fit(new Sgd({ learningRate: 1e-3 }));
  t.true(Math.abs(ours[0]! / theirs[0]! - 1) < 1e-5);
  t.true(ours[2]! < ours[0]! && theirs[2]! < theirs[0]!);
});
