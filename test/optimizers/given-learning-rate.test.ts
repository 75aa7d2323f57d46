/**
 * The optimisers with a given learning rate, where no recorded case shows what they do: against the
 * same rule in TensorFlow.js or against their formula.
 */
import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import {
  AdaGrad,
  Adam,
  AdamW,
  AmsGrad,
  RmsProp,
  Sgd,
  Yogi,
  type SgdOptions,
} from '../../lib/index.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import { randomNumbers } from '../support/random.js';

interface Stepping {
  readonly step: (gradients: readonly number[]) => void;
  readonly values: () => number[];
  readonly dispose: () => void;
}

const start = [0.5, -2, 0.01, 3];

/** An optimiser over one variable. */
function stepping(optimizer: tf.Optimizer, initial: readonly number[] = start): Stepping {
  const variable = tf.tidy(() => tf.variable(tf.tensor1d([...initial])));
  return {
    step: (gradients) => {
      tf.tidy(() => {
        optimizer.applyGradients({ [variable.name]: tf.tensor1d([...gradients]) });
      });
    },
    values: () => [...variable.dataSync()],
    dispose: () => {
      optimizer.dispose();
      variable.dispose();
    },
  };
}

/** The gradients of some steps, pseudo-random from -1 to 1. */
function gradientsOf(steps: number): number[][] {
  const random = randomNumbers(1);
  return Array.from({ length: steps }, () => start.map(() => 2 * random() - 1));
}

function assertNear(
  t: ExecutionContext,
  computed: readonly number[],
  expected: readonly number[],
  where: string,
): void {
  expected.forEach((value, i) => {
    const error = Math.abs(computed[i]! - value);
    t.true(error <= 1e-5 * Math.max(1, Math.abs(value)), `${where}: ${computed[i]}, not ${value}`);
  });
}

/** The same rule here and in TensorFlow.js, whose epsilons are those of its backends. */
const pairs: Record<string, () => readonly [tf.Optimizer, tf.Optimizer]> = {
  Adam: () => [
    new Adam({ learningRate: 0.01, beta1: 0.8, beta2: 0.99, epsilon: 1e-7 }),
    tf.train.adam(0.01, 0.8, 0.99, 1e-7),
  ],
  'AdaGrad with epsilon inside the root': () => [
    new AdaGrad({
      learningRate: 0.1,
      initialAccumulator: 0.1,
      epsilon: tf.backend().epsilon(),
      epsilonPlacement: 'insideSquareRoot',
    }),
    tf.train.adagrad(0.1, 0.1),
  ],
  'RMSProp of TensorFlow with momentum': () => [
    new RmsProp({
      learningRate: 0.01,
      decay: 0.9,
      momentum: 0.9,
      epsilon: 1e-3,
      epsilonPlacement: 'insideSquareRoot',
    }),
    tf.train.rmsprop(0.01, 0.9, 0.9, 1e-3),
  ],
  // TensorFlow.js subtracts its epsilon from the variance: with 0 it can't.
  'centered RMSProp of TensorFlow with momentum': () => [
    new RmsProp({
      learningRate: 0.01,
      decay: 0.9,
      momentum: 0.9,
      centered: true,
      epsilon: 0,
      epsilonPlacement: 'insideSquareRoot',
    }),
    tf.train.rmsprop(0.01, 0.9, 0.9, 0, true),
  ],
};

for (const backend of backendNames) {
  for (const [title, make] of Object.entries(pairs)) {
    test.serial(`${title} is that of TensorFlow.js, backend ${backend}`, async (t) => {
      await useBackend(backend);
      const tensors = tf.memory().numTensors;
      const [own, other] = make().map((optimizer) => stepping(optimizer)) as [Stepping, Stepping];
      for (const [i, gradients] of gradientsOf(8).entries()) {
        own.step(gradients);
        other.step(gradients);
        assertNear(t, own.values(), other.values(), `step ${i + 1}`);
      }
      own.dispose();
      other.dispose();
      t.is(tf.memory().numTensors, tensors);
    });
  }

  test.serial(`SGD with dampening begins its buffer undampened, backend ${backend}`, async (t) => {
    await useBackend(backend);
    const own = stepping(new Sgd({ learningRate: 0.1, momentum: 0.8, dampening: 0.5 }));
    let expected = start;
    let buffer: number[] | undefined;
    for (const [i, gradients] of gradientsOf(4).entries()) {
      buffer = buffer?.map((b, k) => 0.8 * b + 0.5 * gradients[k]!) ?? gradients;
      expected = expected.map((w, k) => w - 0.1 * buffer![k]!);
      own.step(gradients);
      assertNear(t, own.values(), expected, `step ${i + 1}`);
    }
    own.dispose();
  });

  test.serial(`RMSProp's momentum with PyTorch's epsilon, centered, on ${backend}`, async (t) => {
    await useBackend(backend);
    const own = stepping(
      new RmsProp({ learningRate: 0.01, decay: 0.9, momentum: 0.8, centered: true, epsilon: 0.1 }),
    );
    const elements = start.map((w) => ({ w, square: 0, average: 0, buffer: 0 }));
    for (const [i, gradients] of gradientsOf(4).entries()) {
      elements.forEach((element, k) => {
        const g = gradients[k]!;
        element.square = 0.9 * element.square + 0.1 * g * g;
        element.average = 0.9 * element.average + 0.1 * g;
        const deviation = Math.sqrt(element.square - element.average ** 2);
        element.buffer = 0.8 * element.buffer + g / (deviation + 0.1);
        element.w -= 0.01 * element.buffer;
      });
      own.step(gradients);
      assertNear(
        t,
        own.values(),
        elements.map(({ w }) => w),
        `step ${i + 1}`,
      );
    }
    own.dispose();
  });

  test.serial(`gradients are clipped before weight decay is added, on ${backend}`, async (t) => {
    await useBackend(backend);
    const optimizer = new Sgd({ learningRate: 0.5, weightDecay: 0.1, maxGradientNorm: 2 });
    const own = stepping(optimizer);
    own.step([3, 0, 4, 0]);
    const scaled = [1.2, 0, 1.6, 0];
    const expected = start.map((w, i) => w - 0.5 * (scaled[i]! + 0.1 * w));
    assertNear(t, own.values(), expected, 'clipped');
    const { clipped, gradientNorm, stepSize, unclippedStepSize, engine } = optimizer.lastStep!;
    t.like(
      { clipped, gradientNorm, stepSize, unclippedStepSize, engine },
      {
        clipped: true,
        gradientNorm: 5,
        stepSize: 0.5,
        unclippedStepSize: 0.5,
        engine: engineOf[backend],
      },
    );
    own.step([0, 2, 0, 0]);
    t.false(optimizer.lastStep!.clipped);
    assertNear(
      t,
      own.values(),
      expected.map((w, i) => w - 0.5 * ([0, 2, 0, 0][i]! + 0.1 * w)),
      'not clipped',
    );
    own.dispose();
  });

  test.serial(`clipping takes gradients whose norm is no float32, on ${backend}`, async (t) => {
    await useBackend(backend);
    const own = stepping(new Sgd({ learningRate: 1, maxGradientNorm: 1 }));
    own.step([3e38, -3e38, 0, 0]);
    const half = Math.SQRT1_2;
    assertNear(t, own.values(), [0.5 - half, -2 + half, 0.01, 3], 'huge');
    own.dispose();
  });
}

type WithRate = tf.Optimizer & { learningRate: number; weightDecay: number };

const makers: Record<string, () => WithRate> = {
  Sgd: () => new Sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.3 }),
  Adam: () => new Adam(),
  AmsGrad: () => new AmsGrad(),
  AdamW: () => new AdamW(),
  Yogi: () => new Yogi(),
  AdaGrad: () => new AdaGrad({ initialAccumulator: 0.1, learningRateDecay: 0.1 }),
  RmsProp: () => new RmsProp({ initialSquareAverage: 1, centered: true }),
};

for (const [title, make] of Object.entries(makers)) {
  test.serial(`${title} goes on from its configuration and weights`, async (t) => {
    await useBackend('tensorflow');
    const optimizer = make();
    const own = stepping(optimizer);
    const [first, ...rest] = gradientsOf(4);
    own.step(first!);
    optimizer.learningRate = 0.05;
    optimizer.weightDecay = 0.2;
    const Class = optimizer.constructor as unknown as {
      readonly fromConfig: (Class: unknown, config: tf.serialization.ConfigDict) => WithRate;
    };
    const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
    const restored = Class.fromConfig(Class, config);
    t.is(restored.learningRate, 0.05);
    t.is(restored.weightDecay, 0.2);
    const weights = await optimizer.getWeights();
    await restored.setWeights(weights);
    tf.dispose(weights.map(({ tensor }) => tensor));
    const copy = stepping(restored, own.values());
    for (const gradients of rest) {
      own.step(gradients);
      copy.step(gradients);
    }
    t.deepEqual(copy.values(), own.values());
    own.dispose();
    copy.dispose();
  });
}

test('Nesterov momentum without momentum, and with dampening, is refused', (t) => {
  for (const options of [
    { learningRate: 0.1, nesterov: true },
    { learningRate: 0.1, nesterov: true, momentum: 0.9, dampening: 0.1 },
  ] satisfies SgdOptions[]) {
    t.throws(() => new Sgd(options), { instanceOf: RangeError, message: /nesterov must be false/ });
  }
});
