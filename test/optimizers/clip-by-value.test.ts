/** Clipping of gradients by value: `maxGradientValue`. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  createOptimizer,
  fusedAliGStep,
  NonFiniteError,
  optimizers,
  prepareAliGStep,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { randomNumbers } from '../support/random.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

const maxGradientValue = 0.25;

/** Gradients of two variables; half of the elements are beyond the bound. */
function gradientsOf(step: number): Float32Array[] {
  const random = randomNumbers(100 + step);
  return [20_001, 7].map((size) => Float32Array.from({ length: size }, () => random() - 0.5));
}

/** The same by arithmetic of JavaScript; the bound is a float32 number. */
function clipped(gradient: Float32Array): Float32Array {
  return gradient.map((value) => Math.max(-maxGradientValue, Math.min(maxGradientValue, value)));
}

const required: Readonly<Record<string, object>> = {
  alig: { maxLearningRate: 0.1, momentum: 0.9 },
  sgd: { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 },
  aprox: { learningRate: 0.1 },
  dfw: { learningRate: 0.1 },
  bpgrad: { learningRate: 0.1 },
  polyak: { objective: () => 1 },
  obermanprazeres: { objective: () => 1 },
};

/** The parameters after three steps. */
function trained(name: keyof typeof optimizers, clips: boolean): Float32Array[] {
  const random = randomNumbers(1);
  const variables = gradientsOf(0).map((values, i) =>
    tf.tidy(() => tf.variable(tf.tensor1d(values.map(random)), true, `${name}/${clips}/${i}`)),
  );
  const optimizer = createOptimizer(name, {
    ...required[name],
    ...(clips && { maxGradientValue }),
  });
  for (let step = 0; step < 3; step++) {
    const gradients = gradientsOf(step).map((values, i) => ({
      name: variables[i]!.name,
      tensor: tf.tensor1d(clips ? values : clipped(values)),
    }));
    optimizer.applyGradients(gradients, { loss: 1.5 });
    tf.dispose(gradients.map(({ tensor }) => tensor));
  }
  const values = variables.map((variable) => variable.dataSync<'float32'>().slice());
  optimizer.dispose();
  tf.dispose(variables);
  return values;
}

for (const backend of backendNames) {
  test.serial(
    `${backend}: each optimiser steps as if it were given clipped gradients`,
    async (t) => {
      await useBackend(backend);
      const before = tf.memory().numTensors;
      for (const name of Object.keys(optimizers) as (keyof typeof optimizers)[]) {
        t.deepEqual(trained(name, true), trained(name, false), name);
      }
      t.is(tf.memory().numTensors, before);
    },
  );
}

test('fusedAliGStep and prepareAliGStep clip arrays, which stay as they were', (t) => {
  const gradients = gradientsOf(1);
  const parameters = () => gradientsOf(0);
  const settings = { maxLearningRate: 0.1, maxGradientValue };
  const [own, prepared, expected] = [parameters(), parameters(), parameters()];
  const report = fusedAliGStep({ parameters: own, gradients, loss: 1, ...settings });
  t.deepEqual(gradients, gradientsOf(1));
  const step = prepareAliGStep({ parameters: prepared, gradients, ...settings });
  t.deepEqual(step.step(1), report);
  step.dispose();
  const clippedReport = fusedAliGStep({
    parameters: expected,
    gradients: gradients.map(clipped),
    loss: 1,
    maxLearningRate: 0.1,
  });
  t.deepEqual(report, clippedReport);
  t.deepEqual(own, expected);
  t.deepEqual(prepared, expected);
});

for (const backend of backendNames) {
  test.serial(`${backend}: an infinite element is clipped, and NaN refused`, async (t) => {
    await useBackend(backend);
    const variable = tf.variable(tf.tensor1d([1, 1, 1]));
    const optimizer = new AliG({ maxLearningRate: 1, momentum: 0, maxGradientValue: 2 });
    const step = (values: number[]) => {
      const tensor = tf.tensor1d(values);
      optimizer.applyGradients([{ name: variable.name, tensor }], { loss: 100 });
      tensor.dispose();
    };
    step([Infinity, -Infinity, 1]);
    t.deepEqual([...variable.dataSync()], [-1, 3, 0]);
    t.is(optimizer.lastStep?.gradientNorm, 3);
    t.throws(
      () => {
        step([NaN, 1, 1]);
      },
      { instanceOf: NonFiniteError },
    );
    t.deepEqual([...variable.dataSync()], [-1, 3, 0]);
    optimizer.dispose();
    variable.dispose();
  });
}

test('it is saved where it is given, and a bad value is named', (t) => {
  const optimizer = new AliG({ maxLearningRate: 1, maxGradientValue });
  const config = optimizer.getConfig();
  t.is(config['maxGradientValue'], maxGradientValue);
  t.deepEqual(AliG.fromConfig(AliG, config).getConfig(), config);
  t.false('maxGradientValue' in new AliG({ maxLearningRate: 1 }).getConfig());
  for (const value of [0, -1, NaN, '1']) {
    t.throws(() => new AliG({ maxLearningRate: 1, maxGradientValue: value as number }), {
      instanceOf: RangeError,
      message: /^AliG: maxGradientValue must be a positive number, or null for no clipping, not /,
    });
  }
  t.throws(() => new AliG({ maxLearningRate: 1, clipValue: 1 } as never), {
    instanceOf: TypeError,
    message: /no option 'clipValue'; did you mean 'maxGradientValue'\?/,
  });
});
