/** Gradient accumulation against one large batch. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  crossEntropy,
  GradientAccumulator,
  NonFiniteError,
  type StepReport,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';
import { examples, newNetwork, relativeDifference, valuesOf, type Network } from './classifier.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

function lastStep(optimizer: tf.Optimizer) {
  return (optimizer as unknown as { readonly lastStep: StepReport }).lastStep;
}

/** Micro-batches of unequal sizes. */
const sizes = [7, 1, 4];
const total = 12;

function meanLoss({ scores }: Network, inputs: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return crossEntropy(labels, scores(inputs)).mean().asScalar();
}

/** The loss of each micro-batch. */
function microBatches(network: Network, inputs: tf.Tensor2D, labels: tf.Tensor1D) {
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    const f = () =>
      meanLoss(network, inputs.slice([from, 0], [size, -1]), labels.slice(from, size));
    return { size, f };
  });
}

const optimizers: Record<string, () => tf.Optimizer> = {
  AliG: () => new AliG({ maxLearningRate: 0.5 }),
  'tf.train.sgd': () => tf.train.sgd(0.1),
  'tf.train.momentum': () => tf.train.momentum(0.1, 0.9),
  'tf.train.adam': () => tf.train.adam(0.01),
};

for (const backend of backendNames) {
  for (const [name, makeOptimizer] of Object.entries(optimizers)) {
    test.serial(`steps of ${name} equal those of one large batch (${backend})`, async (t) => {
      await useBackend(backend);
      const { inputs, labels } = examples(total);
      const [network, reference] = [newNetwork(), newNetwork()];
      const [optimizer, referenceOptimizer] = [makeOptimizer(), makeOptimizer()];
      const accumulator = new GradientAccumulator();
      const afterStep: number[] = [];
      for (let step = 0; step < 5; step++) {
        for (const { size, f } of microBatches(network, inputs, labels)) {
          accumulator.accumulate(f, { examples: size, variables: network.variables });
        }
        t.is(accumulator.examples, total);
        accumulator.applyTo(optimizer);
        t.is(accumulator.examples, 0);
        referenceOptimizer.minimize(
          () => meanLoss(reference, inputs, labels),
          false,
          reference.variables,
        );
        if (name === 'AliG') {
          const [report, expected] = [lastStep(optimizer), lastStep(referenceOptimizer)];
          t.true(relativeDifference([report.loss], [expected.loss]) < 2e-6);
          t.true(relativeDifference([report.stepSize], [expected.stepSize]) < 1e-5);
        }
        afterStep.push(tensorCount());
      }
      const difference = relativeDifference(
        valuesOf(network.variables),
        valuesOf(reference.variables),
      );
      t.true(difference < 1e-5, `parameters differ by ${difference}`);
      optimizer.dispose();
      referenceOptimizer.dispose();
      accumulator.dispose();
      tf.dispose([inputs, labels, network.variables, reference.variables]);
      t.true(
        afterStep.every((count) => count === afterStep[0]),
        `tensors after each step: ${afterStep.join(', ')}`,
      );
    });
  }

  test.serial(`gradients and loss are weighted averages (${backend})`, async (t) => {
    await useBackend(backend);
    const initial = tf.tensor1d([1, 2]);
    const [both, once, never] = [tf.variable(initial), tf.variable(initial), tf.variable(initial)];
    const gradient = tf.tensor1d([4, 8]);
    const before = tensorCount();
    const accumulator = new GradientAccumulator();
    accumulator.add(
      { [both.name]: gradient, [once.name]: null, [never.name]: null },
      { loss: 6, examples: 3 },
    );
    const loss = tf.scalar(2);
    accumulator.add(
      [
        { name: both.name, tensor: initial },
        { name: once.name, tensor: gradient },
      ],
      { loss, examples: 1 },
    );
    loss.dispose();
    const averages = accumulator.take();
    t.is(averages.examples, 4);
    t.is(averages.loss.dataSync()[0], 5);
    t.deepEqual(Object.keys(averages.gradients), [both.name, once.name]);
    // (3 * [4, 8] + [1, 2]) / 4, and 1 example of 4
    t.deepEqual(valuesOf([averages.gradients[both.name]!]), [3.25, 6.5]);
    t.deepEqual(valuesOf([averages.gradients[once.name]!]), [1, 2]);
    t.is(tensorCount(), before + 3);
    t.throws(() => accumulator.take(), { message: /nothing to average.*add or accumulate/ });
    averages.dispose();
    t.is(tensorCount(), before);
    accumulator.add({ [both.name]: gradient }, { loss: 1, examples: 2 });
    accumulator.reset();
    t.is(accumulator.examples, 0);
    t.is(tensorCount(), before);
    tf.dispose([initial, gradient, both, once, never]);
  });

  test.serial(`what is accumulated outlives tf.tidy and its parts (${backend})`, async (t) => {
    await useBackend(backend);
    const { inputs, labels } = examples(total);
    const network = newNetwork();
    const before = tensorCount();
    const accumulator = new GradientAccumulator();
    tf.tidy(() => {
      for (const { size, f } of microBatches(network, inputs, labels)) {
        accumulator.accumulate(f, { examples: size, variables: network.variables });
      }
    });
    // Two sums of gradients and one of losses; in Node they are in host memory.
    t.is(tensorCount() - before, ['tensorflow', 'cpu'].includes(backend) ? 0 : 3);
    accumulator.applyTo(tf.train.sgd(0.1));
    accumulator.dispose();
    tf.dispose([inputs, labels, network.variables]);
  });
}

test.serial('all trainable variables are the default', (t) => {
  const { inputs, labels } = examples(4);
  const network = newNetwork();
  const accumulator = new GradientAccumulator();
  accumulator.accumulate(() => meanLoss(network, inputs, labels), { examples: 4 });
  const { gradients, dispose } = accumulator.take();
  for (const { name } of network.variables) t.true(name in gradients);
  dispose();
  tf.dispose([inputs, labels, network.variables]);
});

test.serial('a step that AliG refuses frees the averages and changes nothing', (t) => {
  const { inputs, labels } = examples(4);
  const network = newNetwork();
  const values = valuesOf(network.variables);
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  const before = tensorCount();
  const accumulator = new GradientAccumulator();
  const { value, grads } = optimizer.computeGradients(
    () => meanLoss(network, inputs, labels),
    network.variables,
  );
  accumulator.add(grads, { loss: NaN, examples: 4 });
  tf.dispose([value, grads]);
  t.throws(
    () => {
      accumulator.applyTo(optimizer);
    },
    { instanceOf: NonFiniteError, message: /the loss is not finite/ },
  );
  t.is(accumulator.examples, 0);
  t.is(tensorCount(), before);
  t.deepEqual(valuesOf(network.variables), values);
  tf.dispose([inputs, labels, network.variables]);
});

test.serial('bad input adds nothing; errors name argument, value and remedy', (t) => {
  const { inputs, labels } = examples(4);
  const network = newNetwork();
  const [first, second] = network.variables as [tf.Variable, tf.Variable];
  const accumulator = new GradientAccumulator();
  accumulator.accumulate(() => meanLoss(network, inputs, labels), {
    examples: 4,
    variables: network.variables,
  });
  const good = { loss: 1, examples: 2 };
  const before = tensorCount();
  const rows: [unknown, unknown, RegExp][] = [
    [{ [first.name]: first }, undefined, /takes an object of options, not undefined/],
    [
      { [first.name]: first },
      { ...good, exmples: 3 },
      /no option 'exmples'; did you mean 'examples'/,
    ],
    [{ [first.name]: first }, { loss: 1 }, /examples must be a whole number from 1, not undefined/],
    [{ [first.name]: first }, { ...good, examples: 0 }, /examples .* from 1, not 0/],
    [{ [first.name]: first }, { ...good, examples: 1.5 }, /examples .* not 1.5/],
    [{ [first.name]: first }, { examples: 2 }, /loss must be a number or a scalar tensor/],
    [{ [first.name]: first }, { ...good, loss: first }, /scalar, not a tensor of shape \[4, 5\]/],
    [{ nobody: first }, good, /'nobody', but no variable of that name/],
    [{ [first.name]: second }, good, /has shape \[5, 3\], but its parameter has \[4, 5\]/],
    [{ [first.name]: null }, good, /none of the 1 parameters has a gradient/],
    [null, good, /gradients must be a map by variable name or a list/],
  ];
  for (const [gradients, microBatch, message] of rows) {
    t.throws(
      () => {
        accumulator.add(gradients as tf.NamedTensorMap, microBatch as typeof good);
      },
      { message },
    );
    t.is(accumulator.examples, 4);
  }
  t.throws(
    () => {
      accumulator.accumulate(() => tf.scalar(1), { examples: -1 });
    },
    { message: /examples must be .* not -1/ },
  );
  t.throws(
    () => {
      accumulator.applyTo({} as unknown as tf.Optimizer);
    },
    { message: /applyTo takes an optimiser with applyGradients.*not an object \(Object\)/ },
  );
  t.is(accumulator.examples, 4);
  t.is(tensorCount(), before);
  accumulator.dispose();
  tf.dispose([inputs, labels, network.variables]);
});
