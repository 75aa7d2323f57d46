/** Saved velocities find their variables again, also where layers were frozen for a while. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG } from '../../lib/index.js';

const names = ['first/kernel', 'second/kernel', 'third/kernel'];

function makeVariables(session: string): tf.Variable[] {
  return names.map((name, i) =>
    tf.tidy(() => tf.variable(tf.fill([4], i + 1), true, session + name)),
  );
}

/** One step with a gradient for each of the variables, which differs from variable to variable. */
function step(optimizer: AliG, variables: readonly tf.Variable[]): void {
  tf.tidy(() => {
    const gradients = variables.map(({ name }) => ({
      name,
      tensor: tf.fill([4], 1 + names.findIndex((each) => name.endsWith(each))),
    }));
    optimizer.applyGradients(gradients, { loss: 0.5 });
  });
}

async function velocitiesByName(optimizer: AliG): Promise<Record<string, number[]>> {
  const weights = await optimizer.getWeights();
  const velocities = Object.fromEntries(
    weights.slice(1).map(({ name, tensor }) => [name, [...tensor.dataSync()]]),
  );
  tf.dispose(weights.map(({ tensor }) => tensor));
  return velocities;
}

test.before(async () => {
  await tf.setBackend('tensorflow');
});

test.serial(
  'by name, where the variables are named in another order than when they were saved',
  async (t) => {
    const before = tf.memory().numTensors;
    const variables = makeVariables('order/');
    const [first, second, third] = variables as [tf.Variable, tf.Variable, tf.Variable];
    const saved = new AliG({ maxLearningRate: 0.1 });
    step(saved, [second, third]);
    step(saved, [first, second, third]);
    const weights = await saved.getWeights();
    t.deepEqual(
      weights.slice(1).map(({ name }) => name),
      [second, third, first].map(({ name }) => `${name}/velocity`),
    );
    const restored = new AliG({ maxLearningRate: 0.1 });
    await restored.setWeights(weights);
    tf.dispose(weights.map(({ tensor }) => tensor));

    step(saved, variables);
    step(restored, variables);
    t.deepEqual(await velocitiesByName(restored), await velocitiesByName(saved));
    saved.dispose();
    restored.dispose();
    tf.dispose(variables);
    t.is(tf.memory().numTensors, before);
  },
);

test.serial('a velocity waits for its variable, and is saved again meanwhile', async (t) => {
  const before = tf.memory().numTensors;
  const variables = makeVariables('frozen/');
  const saved = new AliG({ maxLearningRate: 0.1 });
  step(saved, variables);
  const weights = await saved.getWeights();
  const third = [...weights[3]!.tensor.dataSync()];
  const restored = new AliG({ maxLearningRate: 0.1 });
  await restored.setWeights(weights);
  tf.dispose(weights.map(({ tensor }) => tensor));

  step(restored, variables.slice(0, 2));
  t.deepEqual((await velocitiesByName(restored))[`${variables[2]!.name}/velocity`], third);
  step(restored, variables);
  const momentum = Math.fround(0.9);
  const { stepSize } = restored.lastStep!;
  t.deepEqual(
    (await velocitiesByName(restored))[`${variables[2]!.name}/velocity`],
    third.map((v) => Math.fround(Math.fround(momentum * v) - Math.fround(stepSize * 3))),
  );
  saved.dispose();
  restored.dispose();
  tf.dispose(variables);
  t.is(tf.memory().numTensors, before);
});

test.serial('by order, where the variables have other names in this session', async (t) => {
  const variables = makeVariables('earlier/');
  const saved = new AliG({ maxLearningRate: 0.1 });
  step(saved, variables);
  const weights = await saved.getWeights();
  const restored = new AliG({ maxLearningRate: 0.1 });
  await restored.setWeights(weights);
  const renamed = makeVariables('later/');
  step(saved, variables);
  step(restored, renamed);
  t.deepEqual(
    Object.values(await velocitiesByName(restored)),
    Object.values(await velocitiesByName(saved)),
  );
  const other = new AliG({ maxLearningRate: 0.1 });
  await other.setWeights(weights);
  t.throws(
    () => {
      step(other, renamed.slice(0, 2));
    },
    {
      instanceOf: RangeError,
      message: /saved state is that of 3 variables, but there are 2 variables/,
    },
  );
  for (const optimizer of [saved, restored, other]) optimizer.dispose();
  tf.dispose([...variables, ...renamed, ...weights.map(({ tensor }) => tensor)]);
});

test.serial(
  'without momentum, an optimiser that has taken steps goes back to its own state',
  async (t) => {
    const variables = makeVariables('no momentum/');
    const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0 });
    step(optimizer, variables);
    const weights = await optimizer.getWeights();
    step(optimizer, variables);
    await optimizer.setWeights(weights);
    t.is(optimizer.iterations, 1);
    step(optimizer, variables);
    t.is(optimizer.iterations, 2);
    tf.dispose([...weights.map(({ tensor }) => tensor), ...variables]);
    optimizer.dispose();
  },
);
