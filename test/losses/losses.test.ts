/** The losses against recorded values of the published code, finite differences, and in model.fit. */
import type { io } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { accuracy, AliG, crossEntropy, hinge, smoothedHinge } from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { decodeRecorded, readGoldenModel, recordedExcess } from '../support/golden-models.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar. */
const quiet = { verbose: 0 } as const;

type Loss = typeof crossEntropy;

const losses: { name: string; recorded: string; loss: Loss }[] = [
  { name: 'crossEntropy', recorded: 'ce', loss: crossEntropy },
  { name: 'hinge', recorded: 'hinge', loss: hinge },
  { name: 'smoothedHinge', recorded: 'smooth_hinge', loss: smoothedHinge },
];

/** The gradient of the mean loss by the scores. */
function gradientOf(loss: Loss, labels: tf.Tensor, scores: tf.Tensor): tf.Tensor {
  return tf.grad((given) => loss(labels, given).mean())(scores);
}

const recorded = readGoldenModel('loss-16x10');

for (const backend of backendNames) {
  for (const { name, recorded: key, loss } of losses) {
    test.serial(`${name}: values and gradients as recorded (${backend})`, async (t) => {
      await useBackend(backend);
      const before = tensorCount();
      const classes = decodeRecorded(recorded.inputs['y']!);
      tf.tidy(() => {
        const scores = tf.tensor2d(decodeRecorded(recorded.inputs['scores']!), [16, 10]);
        const indices = tf.tensor1d(classes, 'int32');
        const oneHot = tf.oneHot(indices, 10);
        for (const [kind, labels] of Object.entries({
          'class indices': indices,
          'class indices in a column': indices.expandDims(1),
          'float indices': indices.cast('float32'),
          'one-hot int32': oneHot,
          'one-hot float32': oneHot.cast('float32'),
          'one-hot bool': oneHot.cast('bool'),
        })) {
          const each = loss(labels, scores);
          t.deepEqual(each.shape, [16]);
          const check = (field: string, got: tf.Tensor) => {
            const excess = recordedExcess(recorded, `${field}:${key}`, got.dataSync());
            t.true(excess <= 0, `${field} with ${kind}: too far off by ${excess}`);
          };
          check('per_sample', each);
          check('loss', each.mean());
          check('grad', gradientOf(loss, labels, scores));
        }
      });
      t.is(tensorCount(), before);
    });
  }

  test.serial(`where the hinge is 0 its gradient is exactly 0 (${backend})`, async (t) => {
    await useBackend(backend);
    tf.tidy(() => {
      const scores = tf.tensor2d([3, 1, 0, 0, 5, -2], [2, 3]);
      const labels = tf.tensor1d([0, 1], 'int32');
      for (const loss of [hinge, smoothedHinge]) {
        t.deepEqual([...loss(labels, scores).dataSync()], [0, 0]);
        t.true(
          gradientOf(loss, labels, scores)
            .dataSync()
            .every((value) => value === 0),
        );
      }
    });
  });

  test.serial(`crossEntropy keeps its accuracy near interpolation (${backend})`, async (t) => {
    await useBackend(backend);
    for (const margin of [5, 20, 40, 80]) {
      const scores = tf.tensor2d([margin, 0, -1], [1, 3]);
      const labels = tf.tensor1d([0], 'int32');
      const others = Math.exp(-margin) + Math.exp(-margin - 1);
      const value = crossEntropy(labels, scores).dataSync()[0]!;
      const gradient = gradientOf(crossEntropy, labels, scores).dataSync();
      const relative = (got: number, expected: number) => Math.abs(got / expected - 1);
      t.true(relative(value, Math.log1p(others)) < 2e-5, `margin ${margin}: ${value}`);
      t.true(relative(gradient[0]!, -others / (1 + others)) < 2e-5, `${gradient[0]!}`);
      t.true(relative(gradient[1]!, Math.exp(-margin) / (1 + others)) < 2e-5, `${gradient[1]!}`);
      tf.dispose([scores, labels]);
    }
  });

  test.serial(
    `an index that is no class gives NaN, for its example alone (${backend})`,
    async (t) => {
      await useBackend(backend);
      tf.tidy(() => {
        const scores = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
        const labels = tf.tensor1d([0, 2, -1, 0.5]);
        for (const { loss } of losses) {
          const values = [...loss(labels, scores).dataSync()];
          t.deepEqual(values.map(Number.isNaN), [false, true, true, true]);
          const gradient = [...gradientOf(loss, labels, scores).dataSync()];
          t.deepEqual(
            [0, 1, 2, 3].map((row) => Number.isNaN(gradient[2 * row]! + gradient[2 * row + 1]!)),
            [false, true, true, true],
          );
        }
      });
    },
  );
}

/** The losses of one example in double. */
const inDouble: Record<string, (target: number[], scores: number[]) => number> = {
  crossEntropy: (target, scores) => {
    const largest = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
    return target.reduce((total, y, j) => total - y * (scores[j]! - largest - Math.log(sum)), 0);
  },
  hinge: (target, scores) => {
    const own = scores[target.indexOf(1)]!;
    return Math.max(...scores.map((score, j) => score - own + 1 - target[j]!));
  },
};

for (const { title, name, loss, targetOf } of [
  {
    title: 'crossEntropy with one-hot labels',
    name: 'crossEntropy',
    loss: crossEntropy,
    targetOf: (label: number, classes: number) =>
      Array.from({ length: classes }, (_, j) => Number(j === label)),
  },
  {
    title: 'crossEntropy with smoothed labels',
    name: 'crossEntropy',
    loss: crossEntropy,
    targetOf: (label: number, classes: number) =>
      Array.from({ length: classes }, (_, j) => 0.2 / classes + 0.8 * Number(j === label)),
  },
  {
    title: 'hinge away from its kinks',
    name: 'hinge',
    loss: hinge,
    targetOf: (label: number, classes: number) =>
      Array.from({ length: classes }, (_, j) => Number(j === label)),
  },
]) {
  test.serial(`${title}: gradients equal finite differences in double`, (t) => {
    const random = new SeededRandom(5);
    const [examples, classes] = [12, 5];
    const rows = Array.from({ length: examples }, () => [...random.normals(classes)]);
    const targets = rows.map(() => targetOf(random.below(classes), classes));
    const value = inDouble[name]!;
    const width = 1e-6;
    tf.tidy(() => {
      const [labels, scores] = [tf.tensor2d(targets), tf.tensor2d(rows)];
      const values = loss(labels, scores).dataSync();
      const gradient = tf
        .grad((given) => loss(labels, given).sum())(scores)
        .dataSync();
      rows.forEach((row, i) => {
        t.true(Math.abs(values[i]! - value(targets[i]!, row)) < 2e-6, `value of example ${i}`);
        row.forEach((score, j) => {
          const at = (moved: number) => value(targets[i]!, row.with(j, moved));
          const difference = (at(score + width) - at(score - width)) / (2 * width);
          const got = gradient[i * classes + j]!;
          t.true(Math.abs(got - difference) < 1e-6, `example ${i}, class ${j}: ${got}`);
        });
      });
    });
  });
}

test.serial('sequences: one loss a position, in both forms of labels', (t) => {
  tf.tidy(() => {
    const scores = tf.tensor(new SeededRandom(8).normals(24), [2, 3, 4]);
    const labels = tf.tensor2d([0, 1, 2, 3, 0, 1], [2, 3], 'int32');
    for (const { loss } of losses) {
      const each = loss(labels, scores);
      t.deepEqual(each.shape, [2, 3]);
      const flat = loss(labels.flatten(), scores.reshape([6, 4])).dataSync();
      each.dataSync().forEach((value, i) => {
        t.true(Math.abs(value - flat[i]!) < 1e-6, `${value}, ${flat[i]!}`);
      });
      const oneHot = loss(tf.oneHot(labels, 4), scores);
      t.deepEqual([...oneHot.dataSync()], [...each.dataSync()]);
      t.deepEqual(gradientOf(loss, labels, scores).shape, [2, 3, 4]);
    }
  });
});

/** Three separable classes. */
function clusters(examples: number) {
  const random = new SeededRandom(21);
  const classes = Array.from({ length: examples }, (_, i) => i % 3);
  const inputs = classes.flatMap((label) =>
    [0, 1, 2].map((axis) => 2 * Number(axis === label) + 0.2 * random.normal()),
  );
  const labels = tf.tensor1d(classes, 'int32');
  return { inputs: tf.tensor2d(inputs, [examples, 3]), labels, oneHot: tf.oneHot(labels, 3) };
}

/** Begins with the same weights each time. */
function linearModel(): tf.Sequential {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 1 });
  return tf.sequential({
    layers: [tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer })],
  });
}

for (const { name, loss } of losses) {
  test.serial(
    `${name} trains in model.compile, with class weights and without a leak`,
    async (t) => {
      const before = tensorCount();
      const { inputs, labels, oneHot } = clusters(30);
      const model = linearModel();
      const optimizer = new AliG({ maxLearningRate: 1 });
      model.compile({ optimizer, loss, metrics: ['accuracy'] });
      const options = { batchSize: 10, shuffle: false, ...quiet };
      await model.fit(inputs, oneHot, { ...options, epochs: 1 });
      const afterFirst = tensorCount();
      const { history } = await model.fit(inputs, oneHot, { ...options, epochs: 20 });
      t.is(tensorCount(), afterFirst);
      t.is(history['acc']!.at(-1), 1, 'accuracy takes the largest score');
      const values = history['loss'] as number[];
      t.true(values.at(-1)! < 0.1, `losses ${values.join(', ')}`);

      // Per-example losses are what class weights multiply.
      const each = tf.tidy(() => [...loss(labels, model.predict(inputs) as tf.Tensor).dataSync()]);
      const truth = labels.dataSync();
      const expected =
        each.reduce((sum, value, i) => sum + value * (truth[i] === 1 ? 5 : 1), 0) / 30;
      const weighted = { ...options, batchSize: 30, epochs: 1 };
      await model.fit(inputs, oneHot, { ...weighted, classWeight: { 0: 1, 1: 5, 2: 1 } });
      t.true(Math.abs(optimizer.lastStep!.loss - expected) < 1e-6);

      optimizer.dispose();
      model.dispose();
      tf.dispose([inputs, labels, oneHot]);
      t.is(tensorCount(), before);
    },
  );
}

test.serial('model.fit takes one-hot labels alone: tfjs checks their shape itself', async (t) => {
  const { inputs, labels } = clusters(30);
  const model = linearModel();
  model.compile({ optimizer: new AliG({ maxLearningRate: 1 }), loss: crossEntropy });
  await t.throwsAsync(model.fit(inputs, labels, quiet), {
    message: /each example has shape \[3\]/,
  });
});

test.serial('fitDataset takes class indices, as a column or not', async (t) => {
  const { inputs, labels } = clusters(30);
  for (const ys of [labels, labels.expandDims<tf.Tensor2D>(1)]) {
    const model = linearModel();
    model.compile({ optimizer: new AliG({ maxLearningRate: 1 }), loss: crossEntropy });
    const dataset = tf.data
      .zip({
        xs: tf.data.array(inputs.arraySync()),
        ys: tf.data.array<number | number[]>(ys.arraySync()),
      })
      .batch(10);
    // tfjs-data's datasets are not typed as what tfjs-layers takes.
    const fitDataset = model.fitDataset.bind(model) as (
      dataset: unknown,
      options: object,
    ) => Promise<tf.History>;
    const { history } = await fitDataset(dataset, { epochs: 10, ...quiet });
    t.true((history['loss']!.at(-1) as number) < 0.1);
  }
});

for (const backend of backendNames) {
  test.serial(`accuracy takes one-hot labels and class indices (${backend})`, async (t) => {
    await useBackend(backend);
    const scores = tf.tensor2d([3, 1, 0, 0, 2, 1, 5, 4, 3], [3, 3]);
    const labels = tf.tensor1d([0, 1, 2], 'int32');
    for (const each of [labels, tf.expandDims(labels, 1), tf.oneHot(labels, 3)]) {
      t.deepEqual([...accuracy(each, scores).dataSync()], [1, 1, 0]);
    }
  });
}

test.serial('a model saved with its optimiser is compiled again after loading', async (t) => {
  const { inputs, oneHot } = clusters(30);
  const model = linearModel();
  model.compile({ optimizer: new AliG({ maxLearningRate: 0.1 }), loss: crossEntropy });
  const fit = (trained: tf.LayersModel) =>
    trained.fit(inputs, oneHot, { batchSize: 30, epochs: 3, shuffle: false, ...quiet });
  await fit(model);
  let saved: io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler((artifacts) => {
    saved = artifacts;
    return Promise.resolve({
      modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' },
    });
  });
  await model.save(handler, { includeOptimizer: true });
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved!));
  loaded.compile({ optimizer: loaded.optimizer, loss: crossEntropy });
  const [original, resumed] = [await fit(model), await fit(loaded)];
  t.deepEqual(resumed.history['loss'], original.history['loss']);
});

test.serial('bad input: errors name the argument, what it was and the remedy', (t) => {
  const scores = tf.ones([4, 3]);
  const labels = tf.tensor1d([0, 1, 2, 0], 'int32');
  const disposed = tf.ones([4, 3]);
  disposed.dispose();
  const rows: [unknown, unknown, typeof TypeError, RegExp][] = [
    [[0, 1], scores, TypeError, /labels must be a tf.Tensor, not an array/],
    [labels, undefined, TypeError, /scores must be a tf.Tensor, not undefined.*\(labels, scores\)/],
    [labels, disposed, Error, /scores are disposed/],
    [disposed, scores, Error, /labels are disposed/],
    [scores, labels, TypeError, /scores have dtype int32; .*Labels come first/],
    [labels, tf.ones([3]), RangeError, /scores have shape \[3\].*\[batch, classes\]/],
    [tf.ones([4, 1]), tf.ones([4, 1]), RangeError, /scores have shape \[4, 1\].*at least two/],
    [tf.ones([4, 2]), scores, RangeError, /labels have shape \[4, 2\].*\[4, 3\].*one-hot.*\[4\]/],
    [tf.ones([3]), scores, RangeError, /labels have shape \[3\]/],
    [tf.tensor1d(['a', 'b']), scores, TypeError, /labels have dtype string/],
  ];
  const before = tensorCount();
  for (const { name, loss } of losses) {
    for (const [badLabels, badScores, instanceOf, message] of rows) {
      const error = t.throws(() => loss(badLabels as tf.Tensor, badScores as tf.Tensor), {
        instanceOf,
        message,
      });
      t.true(error.message.startsWith(`${name}: `), error.message);
    }
  }
  t.is(tensorCount(), before);
});
