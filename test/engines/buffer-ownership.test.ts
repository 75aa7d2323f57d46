/** A step never changes memory that the user can see through another name. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, fusedAliGStep } from '../../lib/index.js';

const size = 4096;

function ramp(): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => i / size);
}

/** 20 arrays, of which some lie on an address that is a multiple of 64. */
function userArrays(): Float32Array[] {
  return Array.from({ length: 20 }, (_, i) => {
    const shifted = new Float32Array(new ArrayBuffer(4 * (size + 16)), 4 * (i % 16), size);
    shifted.set(ramp());
    return shifted;
  });
}

function step(optimizer: AliG, variable: tf.Variable, engine: string): void {
  tf.tidy(() => {
    optimizer.applyGradients({ [variable.name]: tf.ones(variable.shape) }, { loss: 1 });
  });
  if (optimizer.lastStep?.engine !== engine)
    throw new Error(`served by ${optimizer.lastStep?.engine}`);
}

for (const [backend, engine] of [
  ['tensorflow', 'tensorflow-cpu'],
  ['cpu', 'native-cpu'],
] as const) {
  test.serial(`${backend}: the arrays that tensors were made from stay as they are`, async (t) => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    for (const values of userArrays()) {
      const optimizer = new AliG({ maxLearningRate: null });
      const variable = tf.tidy(() => tf.variable(tf.tensor1d(values)));
      step(optimizer, variable, engine);
      step(optimizer, variable, engine);
      t.notDeepEqual(variable.dataSync(), ramp());
      t.deepEqual(values, ramp());
      optimizer.dispose();
      variable.dispose();
    }
    t.is(tf.memory().numTensors, before);
  });

  test.serial(
    `${backend}: clones, reshapes and other aliases of parameters stay as they are`,
    async (t) => {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const optimizer = new AliG({ maxLearningRate: null });
      const variable = tf.tidy(() => tf.variable(tf.tensor1d(ramp())));
      const aliases: tf.Tensor[] = [];
      const expected: Float32Array[] = [];
      for (let i = 0; i < 5; i++) {
        const aliasesNow = [
          tf.clone(variable),
          tf.reshape(variable, [64, 64]),
          tf.expandDims(variable, 0),
        ];
        const now = variable.dataSync<'float32'>().slice();
        aliases.push(...aliasesNow);
        expected.push(...aliasesNow.map(() => now));
        step(optimizer, variable, engine);
      }
      aliases.forEach((alias, i) => {
        t.deepEqual(alias.dataSync(), expected[i]);
      });
      t.notDeepEqual(variable.dataSync(), expected.at(-1));
      optimizer.dispose();
      tf.dispose([variable, ...aliases]);
      t.is(tf.memory().numTensors, before);
    },
  );

  test.serial(
    `${backend}: values read before a step stay, and a read after it sees the step`,
    async (t) => {
      await tf.setBackend(backend);
      const optimizer = new AliG({ maxLearningRate: 0.5, momentum: 0 });
      const variable = tf.tidy(() => tf.variable(tf.tensor1d(ramp())));
      const read = variable.dataSync<'float32'>();
      const copy = read.slice();
      step(optimizer, variable, engine);
      t.deepEqual(read, copy);
      const stepSize = optimizer.lastStep!.stepSize;
      t.deepEqual(
        variable.dataSync(),
        copy.map((value) => Math.fround(value - stepSize)),
      );
      optimizer.dispose();
      variable.dispose();
    },
  );

  test.serial(
    `${backend}: velocities of fusedAliGStep are the caller's, aliases of them stay`,
    async (t) => {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const values = ramp();
      const [parameter, velocity] = tf.tidy(() => [
        tf.variable(tf.tensor1d(ramp())),
        tf.variable(tf.tensor1d(values)),
      ]) as [tf.Variable, tf.Variable];
      const gradient = tf.ones([size]);
      const alias = tf.clone(velocity);
      for (let i = 0; i < 3; i++) {
        const { engine: served } = fusedAliGStep({
          parameters: [parameter],
          gradients: [gradient],
          velocities: [velocity],
          momentum: 0.9,
          loss: 1,
        });
        t.is(served, engine);
      }
      t.deepEqual(alias.dataSync(), ramp());
      t.deepEqual(values, ramp());
      t.notDeepEqual(velocity.dataSync(), ramp());
      tf.dispose([parameter, velocity, gradient, alias]);
      t.is(tf.memory().numTensors, before);
    },
  );

  test.serial(
    `${backend}: weights that were handed out or taken over stay as they are`,
    async (t) => {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const optimizer = new AliG({ maxLearningRate: null });
      const variable = tf.tidy(() => tf.variable(tf.tensor1d(ramp())));
      step(optimizer, variable, engine);
      const saved = await optimizer.getWeights();
      const velocity = saved[1]!.tensor;
      const expected = velocity.dataSync<'float32'>().slice();
      step(optimizer, variable, engine);
      t.deepEqual(velocity.dataSync(), expected);
      const other = new AliG({ maxLearningRate: null });
      await other.setWeights(saved);
      step(other, variable, engine);
      step(other, variable, engine);
      t.deepEqual(velocity.dataSync(), expected);
      optimizer.dispose();
      other.dispose();
      tf.dispose([variable, ...saved.map(({ tensor }) => tensor)]);
      t.is(tf.memory().numTensors, before);
    },
  );
}

test.serial('denormal velocities and parameters survive a step inside of TensorFlow', async (t) => {
  await tf.setBackend('tensorflow');
  const parameter = tf.tidy(() => tf.variable(tf.tensor1d([3e-39, 1])));
  const gradient = tf.tensor1d([1e-39, 0]);
  fusedAliGStep({ parameters: [parameter], gradients: [gradient], loss: 1, maxLearningRate: 1 });
  t.is(parameter.dataSync()[0], Math.fround(Math.fround(3e-39) - Math.fround(1e-39)));
  tf.dispose([parameter, gradient]);
});

test.serial('the pool of buffers does not grow with the number of steps', async (t) => {
  await tf.setBackend('tensorflow');
  const optimizer = new AliG({ maxLearningRate: 1e-3 });
  const variables = Array.from({ length: 8 }, () =>
    tf.tidy(() => tf.variable(tf.zeros([250_000]))),
  );
  const gradients = variables.map((variable) => ({
    name: variable.name,
    tensor: tf.ones(variable.shape),
  }));
  const steps = (count: number) => {
    for (let i = 0; i < count; i++) optimizer.applyGradients(gradients, { loss: 1 });
    return process.memoryUsage.rss();
  };
  const early = steps(50);
  const late = steps(400);
  // One step's new parameters are 8 MB: a pool that lost its buffers would have grown by 3,200 MB.
  t.true(late - early < 64e6, `grew by ${(late - early) / 1e6} MB`);
  optimizer.dispose();
  tf.dispose([...variables, ...gradients.map(({ tensor }) => tensor)]);
});

test.serial('the pool gives its memory back when the parameters are gone', async (t) => {
  await tf.setBackend('tensorflow');
  // Without momentum all buffers of the pool are parameters: 100 MB in use, as much unused.
  const optimizer = new AliG({ maxLearningRate: 1e-3, momentum: 0 });
  const variables = [0, 1].map(() => tf.tidy(() => tf.variable(tf.zeros([12_500_000]))));
  tf.tidy(() => {
    const gradients = variables.map(({ name, shape }) => ({ name, tensor: tf.ones(shape) }));
    for (let i = 0; i < 3; i++) optimizer.applyGradients(gradients, { loss: 1 });
  });
  t.is(optimizer.lastStep?.engine, 'tensorflow-cpu');
  const before = process.memoryUsage.rss();
  optimizer.dispose();
  tf.dispose(variables);
  const freed = before - process.memoryUsage.rss();
  t.true(freed > 150e6, `gave back ${freed / 1e6} MB of 200`);
});
