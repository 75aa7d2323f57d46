/** The parts of the networks: normalisation by its readable form, dropout, initial weights. */
// Gives tfjs-node what Node 23 and later lack.
import 'tfjs-alig';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import {
  normalisedRelu,
  normalisedReluInOps,
} from '../../../experiments/networks/batch-normalisation.js';
import { DenseNet } from '../../../experiments/networks/dense-net.js';
import { dropout } from '../../../experiments/networks/dropout.js';
import { SentencePairClassifier } from '../../../experiments/networks/sentence-pair-classifier.js';
import { Weights } from '../../../experiments/networks/weights.js';
import { WideResNet } from '../../../experiments/networks/wide-resnet.js';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { backendNames, useBackend } from '../../support/backends.js';
import { readGoldenModel } from '../../support/golden-models.js';
import { tensorCount } from '../../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** Output, gradients by the input, scale and offset, and the new running statistics. */
function normalise(
  form: typeof normalisedReluInOps,
  shape: [number, number, number, number],
): Float32Array[] {
  return tf.tidy(() => {
    const random = new SeededRandom(7);
    const normals = (length: number) => random.normals(length);
    const size = shape.reduce((product, length) => product * length, 1);
    const weights = new Weights(1).normalisation(shape[3]);
    const channels = (center: number) =>
      tf.tensor1d(normals(shape[3]).map((value) => center + 0.3 * value));
    weights.runningMean.assign(channels(2));
    weights.runningVariance.assign(channels(4));
    const x = tf.tensor4d(
      normals(size).map((value) => 3 + 2 * value),
      shape,
    );
    const factors = tf.tensor4d(normals(size), shape);
    const { value, grads } = tf.valueAndGrads((given, scale, offset) =>
      form(given as tf.Tensor4D, {
        ...weights,
        scale: scale as tf.Tensor1D,
        offset: offset as tf.Tensor1D,
      })
        .mul(factors)
        .sum(),
    )([x, channels(1), channels(0)]);
    const { runningMean, runningVariance } = weights;
    const results = [value, ...grads, runningMean, runningVariance].map((tensor) =>
      tensor.dataSync<'float32'>().slice(),
    );
    tf.dispose(Object.values(weights));
    return results;
  });
}

for (const shape of [
  [2, 3, 3, 5],
  [4, 8, 8, 16],
  [3, 1, 2, 1],
] as [number, number, number, number][]) {
  test.serial(`fused normalisation is the readable one: ${shape.join(' x ')}`, (t) => {
    const before = tensorCount();
    const fast = normalise((x, weights) => normalisedRelu(x, weights, true), shape);
    const readable = normalise(normalisedReluInOps, shape);
    for (const [i, expected] of readable.entries()) {
      const largest = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...expected.map((value, j) => Math.abs(value - fast[i]![j]!)));
      t.true(worst <= 2e-5 * Math.max(1, largest), `array ${i}: ${worst} of ${largest}`);
    }
    t.is(tensorCount(), before);
  });
}

for (const backend of backendNames) {
  test.serial(`dropout drops its share, scales the rest and repeats (${backend})`, async (t) => {
    await useBackend(backend);
    const before = tensorCount();
    tf.tidy(() => {
      const x = tf.fill([100, 100], 3);
      const draw = (random: SeededRandom) => [...dropout(x, 0.4, random).dataSync()];
      const random = new SeededRandom(5);
      const { state } = random;
      const first = draw(random);
      const second = draw(random);
      t.notDeepEqual(second, first);
      t.deepEqual(draw(new SeededRandom(state)), first);
      const kept = first.filter((value) => value !== 0);
      // Five standard deviations of 10,000 draws.
      t.true(Math.abs(kept.length / 10_000 - 0.6) < 0.025, `${kept.length}`);
      t.true(kept.every((value) => Math.abs(value - 5) < 1e-5));
      const gradient = tf.grad((given) => dropout(given, 0.4, new SeededRandom(state)))(x);
      t.deepEqual(
        [...gradient.dataSync()],
        [...dropout(tf.onesLike(x), 0.4, new SeededRandom(state)).dataSync()],
      );
    });
    t.is(tensorCount(), before);
  });
}

test.serial('dropout in a network needs a generator, in training alone', (t) => {
  const network = new WideResNet({ depth: 10, width: 1, classes: 2, dropout: 0.5 }, 1);
  const before = tensorCount();
  tf.tidy(() => {
    const images = tf.ones<tf.Rank.R4>([2, 8, 8, 3]);
    t.throws(() => network.forward(images, { training: true }), {
      instanceOf: TypeError,
      message: /mode\.random is missing/,
    });
    const evaluate = () => network.forward(images, { training: false }).dataSync();
    t.deepEqual(evaluate(), evaluate());
    const train = (seed: number) =>
      network.forward(images, { training: true, random: new SeededRandom(seed) }).dataSync();
    t.deepEqual(train(1), train(1));
    t.notDeepEqual(train(1), train(2));
  });
  t.is(tensorCount(), before);
  network.dispose();
});

test.serial('sizes that make no network are refused', (t) => {
  const before = tensorCount();
  t.throws(() => new WideResNet({ depth: 12, width: 1, classes: 2 }, 1), {
    instanceOf: RangeError,
    message: /depth is 12/,
  });
  t.throws(() => new WideResNet({ depth: 10, width: 1, classes: 2, dropout: 1 }, 1), {
    instanceOf: RangeError,
    message: /dropout is 1/,
  });
  t.throws(() => new DenseNet({ depth: 4, growth: 4, classes: 2 }, 1), {
    instanceOf: RangeError,
    message: /depth is 4/,
  });
  t.is(tensorCount(), before);
});

interface Initialisers {
  readonly models: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Mean, standard deviation and largest magnitude, as recorded of one instance of the published code. */
type Moments = readonly [number, number, number];

const { models } = readGoldenModel('initialisers') as unknown as Initialisers;

const initialised: readonly {
  kind: string;
  measured: string;
  build: () => { variables: readonly tf.Variable[]; dispose(): void };
}[] = [
  {
    kind: 'wrn',
    measured: 'measured_wrn-40-4/10',
    build: () => new WideResNet({ depth: 40, width: 4, classes: 10 }, 1),
  },
  {
    kind: 'densenet',
    measured: 'measured_densenet-40-40/10',
    build: () => new DenseNet({ depth: 40, growth: 40, classes: 10 }, 1),
  },
  {
    kind: 'snli',
    measured: 'measured_snli-bilstm-2048',
    build: () =>
      new SentencePairClassifier({ embedding: 300, units: 2048, hidden: 512, classes: 3 }, 1),
  },
];

/** Names of the published sizes' tensors, in their order. */
const counted = (
  readGoldenModel('param-counts') as unknown as {
    models: { id: string; parameters: [string, number[]][] }[];
  }
).models;
const publishedIds: Readonly<Record<string, string>> = {
  wrn: 'wrn-40-4/10',
  densenet: 'densenet-bc-40-40/10',
  snli: 'snli',
};

for (const { kind, measured, build } of initialised) {
  test.serial(`initial weights are drawn as the published ones: ${kind}`, (t) => {
    const before = tensorCount();
    const network = build();
    const { parameters } = counted.find(({ id }) => id.startsWith(publishedIds[kind]!))!;
    const names = parameters.map(([name]) => name);
    for (const [name, moments] of Object.entries(
      models[kind]![measured] as Record<string, Moments>,
    )) {
      const values = network.variables[names.indexOf(name)]!;
      const [mean, deviation, largest] = moments;
      const count = values.size;
      const [gotMean, variance, gotLargest] = tf.tidy(() => {
        const got = tf.moments(values);
        return [got.mean, got.variance, values.abs().max()].map((one) => one.dataSync()[0]!);
      }) as [number, number, number];
      const gotDeviation = Math.sqrt(variance);
      // Of one draw from one distribution the other differs by some standard errors; of very few
      // values (classifier.2.bias has 3) only the bound says something.
      const error = 6 * Math.sqrt(2 / count);
      if (count > 100) {
        t.true(Math.abs(gotMean - mean) <= error * deviation, `${name}: mean ${gotMean}`);
        t.true(
          Math.abs(gotDeviation - deviation) <= error * deviation,
          `${name}: deviation ${gotDeviation}`,
        );
      }
      const uniform = largest < 2 * deviation;
      const bound = uniform ? 1.1 * Math.max(largest, deviation * Math.sqrt(3)) : 1.5 * largest;
      if (count > 3) t.true(gotLargest <= bound, `${name}: largest ${gotLargest}`);
    }
    network.dispose();
    t.is(tensorCount(), before);
  });
}

test.serial('a seed always gives the same weights, another one others', (t) => {
  const draw = (seed: number) => {
    const network = new WideResNet({ depth: 10, width: 1, classes: 10 }, seed);
    const values = [...network.variables[0]!.dataSync()];
    network.dispose();
    return values;
  };
  t.deepEqual(draw(3), draw(3));
  t.notDeepEqual(draw(3), draw(4));
});
