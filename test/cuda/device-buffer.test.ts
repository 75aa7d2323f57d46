/** DeviceBuffer, the step over it and gpus(), on a GPU that is the CPU. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import {
  DeviceBuffer,
  fusedAliGStep,
  gpus,
  NonFiniteError,
  prepareAliGStep,
} from '../../lib/index.js';
import { testsThatNeed } from '../support/needs.js';
import { simulatedGpu, useSimulatedLibrary } from '../support/simulated-cuda.js';

const check = testsThatNeed(simulatedGpu, await useSimulatedLibrary());

const upload = (...values: number[]) => DeviceBuffer.upload(Float32Array.from(values));

check('the GPUs are listed', (t) => {
  t.deepEqual(gpus(), {
    gpus: [{ name: 'SIMT on the CPU', computeCapability: '9.0', memory: 2 ** 30 }],
    problem: null,
  });
});

check('a buffer gives back what was uploaded, a copy each time', (t) => {
  const values = Float32Array.of(1, -0, 1e-45, Infinity, NaN);
  const buffer = DeviceBuffer.upload(values);
  const expected = values.slice();
  values.fill(7);
  t.deepEqual(buffer.download(), expected);
  buffer.download().fill(8);
  t.deepEqual(buffer.download(), expected);
  t.is(buffer.length, 5);
  const zeros = DeviceBuffer.zeros(3_000_000);
  t.true(zeros.download().every((value) => Object.is(value, 0)));
  const empty = DeviceBuffer.zeros(0);
  t.deepEqual(empty.download(), new Float32Array(0));
  for (const each of [buffer, zeros, empty, DeviceBuffer.upload(new Float32Array(0))]) {
    each.dispose();
  }
});

check('a disposed buffer says so, and may be disposed of again', (t) => {
  const buffer = upload(1);
  t.false(buffer.isDisposed);
  buffer.dispose();
  buffer.dispose();
  t.true(buffer.isDisposed);
  t.throws(() => buffer.download(), { message: /This DeviceBuffer is disposed/ });
});

check('buffers may be disposed of while steps that use them are on their way', (t) => {
  const buffers = [upload(1, 2), upload(3, 4)] as const;
  const report = fusedAliGStep({ parameters: [buffers[0]], gradients: [buffers[1]], loss: 1 });
  for (const buffer of buffers) buffer.dispose();
  t.is(report.gradientNorm, 5);
});

check('buffers that are garbage give their memory back', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 40; i++) {
    DeviceBuffer.zeros(4_000_000);
    collect();
    // Finalizers run between two turns of the event loop.
    await setImmediate();
  }
  // 640 MB in all.
  t.true(process.memoryUsage().rss - before < 200e6);
});

check('a number that is not finite is an error where the report is read', (t) => {
  const parameter = upload(1, 2);
  const step = (gradient: DeviceBuffer, loss = 1) =>
    fusedAliGStep({ parameters: [parameter], gradients: [gradient], loss });
  const bad = upload(1, NaN);
  const good = upload(1, 1);
  const reports = [step(bad), step(good, Infinity)] as const;
  t.throws(() => reports[0].stepSize, { instanceOf: NonFiniteError, message: /a gradient/ });
  t.throws(() => reports[1].stepSize, { instanceOf: NonFiniteError, message: /the loss/ });
  t.is(reports[0].engine, 'native-cuda');
  t.deepEqual(parameter.download(), Float32Array.of(1, 2));
  for (const buffer of [parameter, bad, good]) buffer.dispose();
});

check("a prepared step is fusedAliGStep's, until a buffer is disposed of", (t) => {
  const lists = () => ({
    parameters: [upload(3, 4), upload(5), upload(6)],
    gradients: [upload(1, 2), null, upload(-1)],
    velocities: [upload(0, 0), upload(0), upload(1)],
    ...{ maxLearningRate: 0.1, momentum: 0.9, maxNorm: 2 },
  });
  const [one, other] = [lists(), lists()];
  const prepared = prepareAliGStep(one);
  for (let i = 0; i < 4; i++) {
    t.deepEqual({ ...prepared.step(0.7) }, { ...fusedAliGStep({ ...other, loss: 0.7 }) });
    for (const list of ['parameters', 'velocities'] as const) {
      one[list].forEach((buffer, k) => {
        t.deepEqual(buffer.download(), other[list][k]!.download());
      });
    }
  }
  one.gradients[2]!.dispose();
  t.throws(() => prepared.step(0.7), {
    message: 'prepareAliGStep: gradients[2] is disposed; prepare the step anew.',
  });
  prepared.dispose();
  for (const { parameters, gradients, velocities } of [one, other]) {
    for (const buffer of [...parameters, ...gradients, ...velocities]) buffer?.dispose();
  }
});

interface BadInput {
  readonly title: string;
  readonly call: (w: DeviceBuffer, g: DeviceBuffer, v: DeviceBuffer) => unknown;
  readonly name?: string;
  readonly message: RegExp;
}

const step = (options: unknown) => fusedAliGStep(options as never);

const badInputs: BadInput[] = [
  {
    title: 'upload of a plain array',
    call: () => DeviceBuffer.upload([1, 2] as never),
    name: 'TypeError',
    message: /^DeviceBuffer\.upload takes a Float32Array, not an array\.$/,
  },
  ...[-1, 1.5, NaN, '3'].map((length) => ({
    title: `zeros of ${length}`,
    call: () => DeviceBuffer.zeros(length as never),
    name: 'RangeError',
    message: /^DeviceBuffer\.zeros takes a whole number of elements, 0 or more, not /,
  })),
  {
    title: 'more than the GPU has',
    call: () => DeviceBuffer.zeros(2 ** 50),
    message: /^allocating memory of the GPU: /,
  },
  {
    title: 'a gradient of another length',
    call: (w) => step({ parameters: [w], gradients: [upload(1)], loss: 1 }),
    name: 'RangeError',
    message: /gradients\[0\] has 1 elements, but its parameter has 2\./,
  },
  {
    title: 'a velocity of another length',
    call: (w, g) =>
      step({ parameters: [w], gradients: [g], velocities: [upload(1)], momentum: 0.9, loss: 1 }),
    name: 'RangeError',
    message: /velocities\[0\] has 1 elements, but its parameter has 2\./,
  },
  {
    title: 'no velocities',
    call: (w, g) => step({ parameters: [w], gradients: [g], momentum: 0.9, loss: 1 }),
    name: 'TypeError',
    message: /velocities are missing, which momentum 0\.9 needs/,
  },
  {
    title: 'too few gradients',
    call: (w) => step({ parameters: [w], gradients: [], loss: 1 }),
    name: 'RangeError',
    message: /gradients has 0 entries, but there are 1 parameters/,
  },
  {
    title: 'no gradient at all',
    call: (w) => step({ parameters: [w], gradients: [null], loss: 1 }),
    message: /none of the 1 parameters has a gradient/,
  },
  {
    title: 'a disposed gradient',
    call: (w) => {
      const gone = upload(1, 2);
      gone.dispose();
      return step({ parameters: [w], gradients: [gone], loss: 1 });
    },
    message: /gradients\[0\] is disposed; keep it until the step is done\./,
  },
  {
    title: 'a buffer as parameter and gradient',
    call: (w) => step({ parameters: [w], gradients: [w], loss: 1 }),
    message: /gradients\[0\] is the same DeviceBuffer as parameters\[0\]; give each its own\./,
  },
  {
    title: 'a parameter twice',
    call: (w, g) => step({ parameters: [w, w], gradients: [g, null], loss: 1 }),
    message: /parameters\[1\] is the same DeviceBuffer as parameters\[0\]/,
  },
  {
    title: 'an array among buffers',
    call: (w, g) => step({ parameters: [w, new Float32Array(2)], gradients: [g, null], loss: 1 }),
    name: 'TypeError',
    message: /parameters\[1\] must be a DeviceBuffer, not an object \(Float32Array\)\./,
  },
  {
    title: 'an array as gradient',
    call: (w) => step({ parameters: [w], gradients: [new Float32Array(2)], loss: 1 }),
    name: 'TypeError',
    message: /gradients\[0\] must be a DeviceBuffer, not an object \(Float32Array\)\./,
  },
  {
    title: 'a buffer as gradient of an array',
    call: (_, g) => step({ parameters: [new Float32Array(2)], gradients: [g], loss: 1 }),
    name: 'TypeError',
    message: /gradients\[0\] must be a Float32Array, not an object \(DeviceBuffer\)\./,
  },
  {
    title: 'a buffer among variables',
    call: (w) =>
      step({ parameters: [tf.variable(tf.zeros([2])), w], gradients: [null, null], loss: 1 }),
    name: 'TypeError',
    message: /parameters\[1\] must be a tf\.Variable, not an object \(DeviceBuffer\)\./,
  },
  {
    title: 'a tensor as loss',
    call: (w, g) => step({ parameters: [w], gradients: [g], loss: tf.scalar(1) }),
    name: 'TypeError',
    message: /loss must be a number where parameters are DeviceBuffers, not an object \(Tensor\)\./,
  },
];

for (const { title, call, name = 'Error', message } of badInputs) {
  check(`bad input: ${title}`, async (t) => {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    const buffers = [upload(1, 2), upload(3, 4), upload(5, 6)] as const;
    t.throws(() => call(...buffers), { name, message });
    t.deepEqual(
      buffers.map((buffer) => [...buffer.download()]),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    );
    for (const buffer of buffers) buffer.dispose();
  });
}
