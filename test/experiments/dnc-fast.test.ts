/** The fast form of the DNC against the recorded cases and against the readable form. */
// Gives tfjs-node what Node 23 and later lack.
import 'tfjs-alig';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import { FastSequence } from '../../experiments/dnc/fast-sequence.js';
import { sequenceLoss } from '../../experiments/dnc/loss.js';
import {
  createParameters,
  type DncParameters,
  type ParameterName,
  parameterShapes,
} from '../../experiments/dnc/parameters.js';
import { drawBatch, publishedTask, type SequenceBatch } from '../../experiments/dnc/repeat-copy.js';
import { type DncSizes, publishedSizes } from '../../experiments/dnc/sizes.js';
import { goldenNetworks } from '../support/golden-models.js';
import { tensorCount, tensorsAdded } from '../support/tensor-count.js';
import { assertWithin, batchOf, parametersOf, sizesOf } from './dnc-cases.js';

for (const model of goldenNetworks('dnc-train')) {
  test.serial(`the fast form of ${model.id} is as recorded`, (t) => {
    const parameters = parametersOf(model);
    const { loss, logits, gradients } = new FastSequence(sizesOf(model)).differentiate(
      parameters,
      batchOf(model),
    );
    tf.dispose(Object.values(parameters));
    assertWithin(t, model, 'cost', [loss]);
    assertWithin(t, model, 'logits', logits);
    assertWithin(t, model, 'global_norm', [Math.hypot(...[...gradients.values()].map(norm))]);
    t.is(gradients.size, 24);
    for (const [name, gradient] of gradients) {
      assertWithin(t, model, `grad:dnc/${name}`, gradient);
      assertWithin(t, model, `norm:dnc/${name}`, [norm(gradient)]);
    }
  });
}

function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

/** Loss and gradients by one of the two forms. */
type Gradients = Map<ParameterName, Float32Array>;

function differentiate(
  loss: (parameters: DncParameters) => tf.Scalar,
  sizes: DncSizes,
  parameters: DncParameters,
): { readonly loss: number; readonly gradients: Gradients } {
  const names = parameterShapes(sizes).map(({ name }) => name);
  const gradients: Gradients = new Map();
  let value = NaN;
  tf.tidy(() => {
    const computed = tf.valueAndGrads((...tensors: tf.Tensor[]) =>
      loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]])) as DncParameters),
    )(names.map((name) => parameters[name]));
    value = computed.value.arraySync();
    names.forEach((name, i) => {
      gradients.set(name, computed.grads[i]!.dataSync<'float32'>());
    });
  });
  return { loss: value, gradients };
}

function largestMagnitude(values: ArrayLike<number>): number {
  return Array.from(values).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** The largest difference of two arrays. */
function difference(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) return NaN;
  return largestMagnitude(Array.from(values, (value, i) => value - reference[i]!));
}

interface Comparison {
  readonly title: string;
  readonly sizes: DncSizes;
  /**
   * Initial parameters are multiplied by this. At 1 the memory is hardly used, and many gradients
   * are tiny; at 3 gates and addressing are sharp.
   */
  readonly scale: number;
  readonly seed: number;
}

const smallSizes: DncSizes = {
  inputSize: 6,
  outputSize: 5,
  hiddenSize: 7,
  memorySize: 5,
  wordSize: 3,
  readHeads: 2,
  writeHeads: 1,
  clipValue: 20,
};

const comparisons: readonly Comparison[] = [
  { title: 'published size', sizes: publishedSizes, scale: 1, seed: 1 },
  { title: 'published size, larger weights', sizes: publishedSizes, scale: 3, seed: 2 },
  { title: 'small, larger weights', sizes: smallSizes, scale: 3, seed: 3 },
  { title: 'one read head', sizes: { ...smallSizes, readHeads: 1 }, scale: 2, seed: 4 },
  { title: 'everything clipped', sizes: { ...smallSizes, clipValue: 0.3 }, scale: 3, seed: 5 },
];

/**
 * What float32 rounding of the readable form may make, by the largest element of a gradient and by
 * the largest of all gradients: those of write keys and strengths are differences of numbers that
 * nearly cancel. 6e-9 is a tenth of float32's unit of rounding; an error in a formula changes some
 * gradient by far more than both.
 */
const ownTolerance = 2e-5;
const overallTolerance = 6e-9;
const lossTolerance = 2e-6;

for (const { title, sizes, scale, seed } of comparisons) {
  test.serial(`fast and readable form agree: ${title}`, (t) => {
    const initial = createParameters(sizes, seed);
    const parameters = Object.fromEntries(
      Object.entries(initial).map(([name, value], index) => [
        name,
        tf.tidy(() =>
          // Biases that start at 0 get values, so that no gate is the same for all.
          value
            .add(name.endsWith('/b') ? tf.randomNormal(value.shape, 0, 0.1, 'float32', index) : 0)
            .mul(scale),
        ),
      ]),
    ) as DncParameters;
    tf.dispose(Object.values(initial));
    const batch = drawBatch({ ...publishedTask, batchSize: 3 }, `agree/${seed}`);
    const fast = new FastSequence(sizes);
    const got = differentiate((given) => fast.loss(given, batch), sizes, parameters);
    const reference = differentiate(
      (given) => sequenceLoss(sizes, given, batch),
      sizes,
      parameters,
    );
    tf.dispose(Object.values(parameters));
    t.true(difference([got.loss], [reference.loss]) <= lossTolerance * reference.loss);
    const largest = Math.max(...[...reference.gradients.values()].map(largestMagnitude));
    for (const [name, gradient] of reference.gradients) {
      const tolerance = ownTolerance * largestMagnitude(gradient) + overallTolerance * largest;
      const share = difference(got.gradients.get(name)!, gradient) / tolerance;
      t.true(share <= 1, `${name}: ${share} of the tolerance`);
    }
  });
}

test.serial('the fast form is scaled by what is made of its loss', (t) => {
  const parameters = createParameters(smallSizes, 1);
  const batch = drawBatch(publishedTask, 'scaled');
  const fast = new FastSequence(smallSizes);
  const plain = differentiate((given) => fast.loss(given, batch), smallSizes, parameters);
  const halved = differentiate((given) => fast.loss(given, batch).div(2), smallSizes, parameters);
  for (const [name, gradient] of plain.gradients) {
    t.deepEqual(
      halved.gradients.get(name),
      gradient.map((value) => value / 2),
    );
  }
  tf.dispose(Object.values(parameters));
});

/** The first steps of a batch. */
function firstSteps(batch: SequenceBatch, steps: number): SequenceBatch {
  const cut = (values: Float32Array) => values.slice(0, (values.length / batch.steps) * steps);
  return {
    batchSize: batch.batchSize,
    steps,
    observations: cut(batch.observations),
    targets: cut(batch.targets),
    mask: cut(batch.mask),
  };
}

test.serial('shorter and longer sequences in turn do not see each other', (t) => {
  const parameters = createParameters(smallSizes, 1);
  const long = drawBatch(publishedTask, 'long');
  const short = firstSteps(long, 6);
  const other = drawBatch({ ...publishedTask, batchSize: 2 }, 'other');
  const fast = new FastSequence(smallSizes);
  for (const batch of [long, short, other, short, long]) {
    t.deepEqual(
      fast.differentiate(parameters, batch),
      new FastSequence(smallSizes).differentiate(parameters, batch),
    );
  }
  tf.dispose(Object.values(parameters));
});

test.serial('the fast form leaves no tensors behind', (t) => {
  const parameters = createParameters(smallSizes, 1);
  const variables = Object.values(parameters);
  const batch = drawBatch(publishedTask, 'tensors');
  const fast = new FastSequence(smallSizes);
  const added = tensorsAdded(() => {
    fast.differentiate(parameters, batch);
    const optimizer = tf.train.sgd(0.01);
    const counts = [1, 2, 3].map(() => {
      optimizer.minimize(() => fast.loss(parameters, batch), false, variables);
      return tensorCount();
    });
    t.is(new Set(counts).size, 1);
    optimizer.dispose();
  });
  tf.dispose(variables);
  t.is(added, 0);
});

test('the fast form has one write head', (t) => {
  t.throws(() => new FastSequence({ ...smallSizes, writeHeads: 2 }), {
    instanceOf: RangeError,
    message: /one write head, not 2/,
  });
});
