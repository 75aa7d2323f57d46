/** Lists that change while they are read, shapes that were written to, functions that interfere. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  fusedAliGStep,
  l2Ball,
  ObermanPrazeres,
  Polyak,
  Sgd,
  type HostStepOptions,
} from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { resizableBuffer } from '../support/resizable-buffer.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

const expected = (() => {
  const parameters = [Float32Array.of(3, 4), Float32Array.of(5)];
  fusedAliGStep({
    parameters,
    gradients: [Float32Array.of(1, 2), null],
    loss: 1,
    maxLearningRate: 0.1,
  });
  return parameters;
})();

test.serial('lists may be proxies, and are read once', (t) => {
  const parameters = [Float32Array.of(3, 4), Float32Array.of(5)];
  let reads = 0;
  const options = {
    parameters: new Proxy(parameters, {
      get(list, key) {
        if (key === '0') reads++;
        return Reflect.get(list, key) as unknown;
      },
    }),
    get gradients() {
      reads++;
      return new Proxy([Float32Array.of(1, 2), null], {});
    },
    loss: 1,
    maxLearningRate: 0.1,
  };
  t.is(fusedAliGStep(options).engine, 'native-cpu');
  t.deepEqual(parameters, expected);
  t.is(reads, 2);
});

test.serial('an accessor that frees an array of the step is told of it', (t) => {
  const buffer = resizableBuffer(8);
  const first = new Float32Array(buffer, 0, 2);
  const gradients: (Float32Array | null)[] = [Float32Array.of(1, 2), null];
  Object.defineProperty(gradients, 1, {
    get() {
      buffer.resize(0);
      return null;
    },
  });
  t.throws(() => fusedAliGStep({ parameters: [first, new Float32Array(1)], gradients, loss: 1 }), {
    instanceOf: RangeError,
    message: /gradients\[0\] has 2 elements, but its parameter has 0/,
  });
});

test.serial('arrays over one block of shared memory are refused', (t) => {
  const shared = new SharedArrayBuffer(16);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const before = memory.buffer;
  memory.grow(1);
  for (const [one, other] of [
    [shared, structuredClone(shared)],
    [before, memory.buffer],
  ] as const) {
    const options: HostStepOptions = {
      parameters: [new Float32Array(one, 0, 2)],
      gradients: [Float32Array.of(1, 2)],
      velocities: [new Float32Array(other, 4, 2)],
      momentum: 0.9,
      loss: 1,
    };
    t.throws(() => fusedAliGStep(options), {
      message: /parameters\[0\] and velocities\[0\] share memory/,
    });
    const apart = { ...options, velocities: [new Float32Array(other, 8, 2)] };
    t.is(fusedAliGStep(apart).status, 'taken');
  }
});

for (const backend of ['tensorflow', 'cpu'] as const) {
  const lies: [string, variable: number[], gradient: number[]][] = [
    ['a gradient said to be longer', [100_000], [100_000]],
    ['a variable said to be shorter', [4], [4]],
    ['both said to be of another shape', [2, 2], [2, 2]],
  ];
  for (const [title, ...shapes] of lies) {
    test.serial(`${title} changes nothing (${backend})`, async (t) => {
      await useBackend(backend);
      const variable = tf.tidy(() => tf.variable(tf.ones([100_000])));
      const optimizer = new AliG({ maxLearningRate: 0.1 });
      const ones = tf.ones([100_000]);
      optimizer.applyGradients({ [variable.name]: ones }, { loss: 1e6 });
      const gradient = tf.ones([4]);
      const before = await optimizer.getWeights();
      const values = variable.dataSync().slice();
      const tensors = tensorCount();
      const say = (tensor: tf.Tensor, shape: number[]) => Object.assign(tensor, { shape });
      say(variable, shapes[0]);
      say(gradient, shapes[1]);
      t.throws(
        () => {
          optimizer.applyGradients({ [variable.name]: gradient }, { loss: 1 });
        },
        { instanceOf: RangeError, message: /has the shape \[.*\], but its data are/ },
      );
      say(variable, [100_000]);
      t.is(tensorCount(), tensors);
      t.deepEqual(variable.dataSync(), values);
      const after = await optimizer.getWeights();
      for (const [i, { tensor }] of after.entries()) {
        t.deepEqual(tensor.dataSync(), before[i]!.tensor.dataSync());
      }
      optimizer.dispose();
      tf.dispose([variable, ones, gradient]);
    });
  }
}

for (const backend of backendNames) {
  test.serial(`tf.disposeVariables() gives the slots back (${backend})`, async (t) => {
    await useBackend(backend);
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(100) });
    const before = tensorCount();
    for (const shape of [[3], [5], [3]]) {
      const variable = tf.tidy(() => tf.variable(tf.ones(shape), true, `disposed-${backend}`));
      // It shares the variable's data, which therefore stay.
      const alias = tf.clone(variable);
      for (let i = 0; i < 2; i++) optimizer.minimize(() => tf.sum(tf.square(variable)));
      t.is(optimizer.lastStep?.status, 'taken');
      t.deepEqual(
        (await optimizer.getWeights()).slice(1).map(({ tensor }) => tensor.shape),
        [shape],
      );
      tf.disposeVariables();
      alias.dispose();
      const message = /variable.* is disposed|no variable of that name/;
      t.throws(
        () => {
          optimizer.applyGradients([{ name: variable.name, tensor: variable }], { loss: 1 });
        },
        { message },
      );
    }
    optimizer.dispose();
    t.is(tensorCount(), before);
  });
}

for (const Class of [Polyak, ObermanPrazeres]) {
  for (const stepped of [false, true]) {
    const when = stepped ? 'a later' : 'the first';
    test.serial(`${Class.name}: an objective that disposes of it in ${when} step`, (t) => {
      const before = tensorCount();
      const variable = tf.tidy(() => tf.variable(tf.ones([3])));
      const loss = () => tf.sum<tf.Scalar>(tf.square(variable));
      const optimizer = new Class({ objective: loss, constraint: l2Ball(1) });
      if (stepped) optimizer.minimize(loss);
      const values = variable.dataSync().slice();
      optimizer.objective = () => {
        optimizer.dispose();
        return loss();
      };
      t.throws(() => optimizer.minimize(loss), {
        message: new RegExp(`^${Class.name}: objective has disposed of the optimiser`),
      });
      if (stepped) t.deepEqual(variable.dataSync(), values);
      t.throws(() => optimizer.minimize(loss), { message: /this optimiser is disposed/ });
      variable.dispose();
      t.is(tensorCount(), before);
    });
  }
}

test.serial('a function that a step calls cannot make one', (t) => {
  const before = tensorCount();
  const variable = tf.tidy(() => tf.variable(tf.ones([3])));
  const loss = () => tf.sum<tf.Scalar>(tf.square(variable));
  const apply = (optimizer: tf.Optimizer) => {
    tf.tidy(() => {
      optimizer.applyGradients({ [variable.name]: tf.ones([3]) });
    });
  };
  const message = /was called by a function that a step of the same optimiser calls/;
  const polyak: Polyak = new Polyak({
    objective: () => {
      apply(polyak);
      return 1;
    },
  });
  t.throws(() => polyak.minimize(loss), { message });
  t.is(polyak.iterations, 0);
  const sgd: Sgd = new Sgd({
    learningRate: 0.1,
    constraint: () => {
      apply(sgd);
    },
  });
  t.throws(
    () => {
      apply(sgd);
    },
    { message },
  );
  const inner = new Sgd({ learningRate: 0.1 });
  t.throws(() => inner.minimize(() => inner.minimize(loss, true)!), { message });
  t.deepEqual([...variable.dataSync()], [1, 1, 1]);
  inner.minimize(loss);
  t.is(inner.iterations, 1);
  for (const optimizer of [polyak, sgd, inner]) optimizer.dispose();
  variable.dispose();
  t.is(tensorCount(), before);
});

test.serial('a constraint that disposes of its optimiser', (t) => {
  const before = tensorCount();
  const variable = tf.tidy(() => tf.variable(tf.ones([3])));
  const optimizer: Sgd = new Sgd({
    learningRate: 0.1,
    momentum: 0.9,
    constraint: () => {
      optimizer.dispose();
    },
  });
  t.throws(
    () => {
      tf.tidy(() => {
        optimizer.applyGradients({ [variable.name]: tf.ones([3]) });
      });
    },
    { message: /^Sgd: constraint has disposed of the optimiser/ },
  );
  t.deepEqual([...variable.dataSync()], [1, 1, 1]);
  variable.dispose();
  t.is(tensorCount(), before);
});
