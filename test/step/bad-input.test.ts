/** Bad input of fusedAliGStep has its own errors, after which nothing is changed. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { fusedAliGStep, NonFiniteError } from '../../lib/index.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import {
  assertThrows,
  escaped,
  maxNormOutOfRange,
  misspelt,
  nonFiniteRows,
  rowsOfValues,
  valuesOutOfRange,
  type AnyOptions,
  type Row,
} from '../support/bad-input.js';
import { tensorCount } from '../support/tensor-count.js';

function fused(options: unknown) {
  return fusedAliGStep(options as never);
}

/** What fusedAliGStep takes, over variables. */
interface VariablesFixture {
  parameters: tf.Variable[];
  gradients: tf.Tensor[];
  velocities: tf.Variable[];
  foreign: tf.Tensor;
  foreignVariable: tf.Variable;
  disposed: tf.Tensor;
  disposedVariable: tf.Variable;
  integers: tf.Tensor;
}

/** Runs a step of good arguments but for the given ones. */
function with_<Fixture extends object>(change: (fixture: Fixture) => AnyOptions) {
  return (fixture: Fixture & { parameters: unknown; gradients: unknown; velocities: unknown }) => {
    const { parameters, gradients, velocities } = fixture;
    return fused({
      parameters,
      gradients,
      velocities,
      loss: 2,
      momentum: 0.5,
      maxLearningRate: 0.1,
      maxNorm: 1,
      ...change(fixture),
    });
  };
}

const commonRows = [
  {
    title: 'lists of different length: gradients',
    change: ({ gradients }: { gradients: unknown[] }) => ({ gradients: gradients.slice(1) }),
    error: RangeError,
    message: /gradients has 1 entries, but there are 2 parameters.*null where there is no gradient/,
  },
  {
    title: 'lists of different length: velocities',
    change: ({ velocities }: { velocities: unknown[] }) => ({ velocities: velocities.slice(1) }),
    error: RangeError,
    message: /velocities has 1 entries, but there are 2 parameters/,
  },
  {
    title: 'no velocities',
    change: () => ({ velocities: undefined }),
    error: TypeError,
    message: /velocities are missing, which momentum 0.5 needs/,
  },
  {
    title: 'velocities without momentum',
    change: () => ({ momentum: undefined }),
    error: TypeError,
    message: /velocities are given, but no momentum; give momentum, usually 0.9, or 0/,
  },
  {
    title: 'velocities that are null',
    change: () => ({ velocities: null }),
    error: TypeError,
    message: /velocities must be an array, not null/,
  },
  {
    title: 'parameters that are no list',
    change: ({ parameters }: { parameters: unknown[] }) => ({ parameters: parameters[0] }),
    error: TypeError,
    message:
      /parameters must be an array of tf.Variable, Float32Array or DeviceBuffer, not an object/,
  },
  {
    title: 'gradients that are no list',
    change: () => ({ gradients: {} }),
    error: TypeError,
    message: /gradients must be an array, not an object/,
  },
  {
    title: 'no gradient at all',
    change: () => ({ gradients: [null, null] }),
    error: Error,
    message: /none of the 2 parameters has a gradient/,
  },
  ...misspelt.map(({ wrong, right }) => ({
    title: `option ${wrong}`,
    change: () => ({ [wrong]: 0.1 }),
    error: TypeError,
    message: new RegExp(`fusedAliGStep has no option '${wrong}'; did you mean '${right}'\\?`),
  })),
  ...[
    ['params', 'parameters'],
    ['grads', 'gradients'],
    ['velocity', 'velocities'],
    ['constraint', 'maxNorm'],
    ['radius', 'maxNorm'],
  ].map(([wrong, right]) => ({
    title: `option ${wrong!}`,
    change: () => ({ [wrong!]: 5 }),
    error: TypeError,
    message: new RegExp(`has no option '${wrong!}'; did you mean '${right!}'\\?`),
  })),
  ...rowsOfValues('fusedAliGStep', [...valuesOutOfRange, maxNormOutOfRange]).map((row) => ({
    ...row,
    change: () => row.options,
  })),
];

const variableRows: Row<VariablesFixture>[] = [
  ...commonRows.map((row) => ({ ...row, run: with_<VariablesFixture>(row.change) })),
  {
    title: 'a gradient of another shape',
    run: with_((f) => ({ gradients: [f.gradients[1], f.gradients[1]] })),
    error: RangeError,
    message: /gradients\[0\] \(of variable .*\) has shape \[2\], but its parameter has \[2, 2\]/,
  },
  {
    title: 'a velocity of another shape',
    run: with_((f) => ({ velocities: [f.velocities[1], f.velocities[0]] })),
    error: RangeError,
    message: /velocities\[0\] \(of variable .*\) has shape \[2\], but its parameter has \[2, 2\]/,
  },
  {
    title: 'a gradient of another dtype',
    run: with_((f) => ({ gradients: [null, f.integers] })),
    error: TypeError,
    message: /gradients\[1\] \(of variable .*\) has dtype int32/,
  },
  {
    title: 'a gradient that is undefined',
    run: with_((f) => ({ gradients: [undefined, f.gradients[1]] })),
    error: TypeError,
    message: /gradients\[0\] \(of variable .*\) must be a tf.Tensor, not undefined/,
  },
  {
    title: 'a disposed parameter',
    run: with_((f) => ({ parameters: [f.parameters[0], f.disposedVariable] })),
    error: Error,
    message: /parameters\[1\] is disposed/,
  },
  {
    title: 'a disposed gradient',
    run: with_((f) => ({ gradients: [null, f.disposed] })),
    error: Error,
    message: /gradients\[1\] \(of variable .*\) is disposed/,
  },
  {
    title: 'the same parameter twice',
    run: with_((f) => ({
      parameters: [f.parameters[1], f.parameters[1]],
      gradients: [null, f.gradients[1]],
      velocities: [f.velocities[1], f.velocities[1]],
    })),
    error: Error,
    message: /parameters\[1\] is the same variable as parameters\[0\]/,
  },
  {
    title: 'a parameter as its own velocity',
    run: with_((f) => ({ velocities: f.parameters })),
    error: Error,
    message: /velocities\[0\] is the same variable as parameters\[0\]/,
  },
  {
    title: 'a parameter that is a tensor among variables',
    run: with_((f) => ({ parameters: [f.parameters[0], f.gradients[1]] })),
    error: TypeError,
    message: /parameters\[1\] must be a tf.Variable, not an object/,
  },
  {
    title: 'tensors in place of all variables',
    run: with_((f) => ({ parameters: f.gradients })),
    error: TypeError,
    message: /parameters\[0\] must be a tf.Variable, not an object/,
  },
  {
    title: 'foreign velocities: tensors',
    run: with_((f) => ({ velocities: f.gradients })),
    error: TypeError,
    message: /velocities\[0\] \(of variable .*\) must be a tf.Variable/,
  },
  {
    title: 'foreign velocities: arrays',
    run: with_(() => ({ velocities: [new Float32Array(4), new Float32Array(2)] })),
    error: TypeError,
    message:
      /velocities\[0\] \(of variable .*\) must be a tf.Variable, not an object \(Float32Array\)/,
  },
  {
    title: 'a parameter on another backend',
    run: with_((f) => ({ parameters: [f.parameters[0], f.foreignVariable] })),
    error: Error,
    message: /parameters\[1\] lives on backend '\w+', but the current backend is '\w+'/,
  },
  {
    title: 'a velocity on another backend',
    run: with_((f) => ({ velocities: [f.velocities[0], f.foreignVariable] })),
    error: Error,
    message: /velocities\[1\] \(of variable .*\) lives on backend/,
  },
  {
    title: 'a gradient on another backend',
    run: with_((f) => ({ gradients: [null, f.foreign] })),
    error: Error,
    message: /gradients\[1\] \(of variable .*\) lives on backend/,
  },
  {
    title: 'no loss',
    run: with_(() => ({ loss: undefined })),
    error: TypeError,
    message: /loss must be a number or a scalar tensor, not undefined/,
  },
  {
    title: 'a loss that is not a scalar',
    run: with_((f) => ({ loss: f.gradients[1] })),
    error: RangeError,
    message: /loss must be a scalar, not a tensor of shape \[2\]/,
  },
  {
    title: 'a disposed loss',
    run: with_((f) => ({ loss: f.disposed })),
    error: Error,
    message: /loss is disposed/,
  },
  ...[NaN, Infinity, -Infinity].map((loss) => ({
    title: `loss ${loss}`,
    run: with_<VariablesFixture>(() => ({ loss })),
    error: NonFiniteError,
    message: /parameters and state are as they were: the loss is not finite/,
  })),
];

for (const backend of backendNames) {
  test.serial(`fusedAliGStep: bad input over variables changes nothing (${backend})`, async (t) => {
    await useBackend(backend === 'cpu' ? 'tensorflow' : 'cpu');
    const foreign = tf.tensor1d([5, 6]);
    const foreignVariable = tf.variable(foreign);
    await useBackend(backend);
    const matrix = tf.tensor2d([3, 4, 5, 6], [2, 2]);
    const vector = tf.tensor1d([7, 8]);
    const fixture: VariablesFixture = {
      parameters: [tf.variable(matrix), tf.variable(vector)],
      gradients: [matrix.square(), vector.square()],
      velocities: [tf.variable(matrix), tf.variable(vector)],
      foreign,
      foreignVariable,
      disposed: tf.tensor1d([1, 2]),
      disposedVariable: tf.variable(vector),
      integers: tf.tensor1d([1, 2], 'int32'),
    };
    fixture.disposed.dispose();
    fixture.disposedVariable.dispose();
    const state = () =>
      [...fixture.parameters, ...fixture.gradients, ...fixture.velocities].map((tensor) => [
        ...tensor.dataSync(),
      ]);
    const before = state();
    const count = tensorCount();
    for (const row of variableRows) {
      assertThrows(t, () => row.run(fixture), row, row.title);
      t.is(tensorCount(), count, row.title);
      t.deepEqual(state(), before, row.title);
    }
    for (const [i, value] of [NaN, Infinity, -Infinity].entries()) {
      const gradient = tf.tensor1d([1, value]);
      const error = t.throws(
        () => with_(() => ({ gradients: [fixture.gradients[0], gradient] }))(fixture),
        {
          instanceOf: NonFiniteError,
          message: /parameters and state are as they were: a gradient is not finite \(variable /,
        },
      );
      t.is(error.report.engine, engineOf[backend]);
      t.is(tensorCount(), count + 1 + i);
      t.deepEqual(state(), before);
    }
    const good = with_(() => ({}))(fixture);
    t.is(good.engine, engineOf[backend]);
    t.is(good.status, 'taken');
    t.notDeepEqual(state(), before);
  });
}

/** What fusedAliGStep takes, over host arrays. */
interface ArraysFixture {
  parameters: Float32Array[];
  gradients: Float32Array[];
  velocities: Float32Array[];
}

const overlaps: [string, (memory: Float32Array) => AnyOptions, string, string][] = [
  [
    'one array as two parameters',
    (memory) => {
      const array = memory.subarray(0, 2);
      return { parameters: [array, array] };
    },
    'parameters[0]',
    'parameters[1]',
  ],
  [
    'parameters that overlap by one element',
    (memory) => ({ parameters: [memory.subarray(0, 2), memory.subarray(1, 3)] }),
    'parameters[0]',
    'parameters[1]',
  ],
  [
    'a gradient that is its parameter',
    (memory) => ({
      parameters: [memory.subarray(0, 2), memory.subarray(2, 4)],
      gradients: [memory.subarray(0, 2), null],
    }),
    'parameters[0]',
    'gradients[0]',
  ],
  [
    'a velocity over the gradient of another parameter',
    (memory) => ({
      gradients: [memory.subarray(1, 3), null],
      velocities: [new Float32Array(2), memory.subarray(0, 2)],
    }),
    'velocities[1]',
    'gradients[0]',
  ],
  [
    'one array as two velocities',
    (memory) => ({ velocities: [memory.subarray(0, 2), memory.subarray(0, 2)] }),
    'velocities[0]',
    'velocities[1]',
  ],
];

const arrayRows: Row<ArraysFixture>[] = [
  ...commonRows.map((row) => ({ ...row, run: with_<ArraysFixture>(row.change) })),
  {
    title: 'a gradient of another length',
    run: with_((f) => ({ gradients: [f.gradients[0], new Float32Array(3)] })),
    error: RangeError,
    message: /gradients\[1\] has 3 elements, but its parameter has 2/,
  },
  {
    title: 'a velocity of another length',
    run: with_((f) => ({ velocities: [new Float32Array(1), f.velocities[1]] })),
    error: RangeError,
    message: /velocities\[0\] has 1 elements, but its parameter has 2/,
  },
  ...[new Float64Array(2), new Int32Array(2), [1, 2], 'ab', new ArrayBuffer(8)].flatMap((wrong) => [
    {
      title: `a parameter of class ${wrong.constructor.name}`,
      run: with_<ArraysFixture>((f) => ({ parameters: [f.parameters[0], wrong] })),
      error: TypeError,
      message: /parameters\[1\] must be a Float32Array, not /,
    },
    {
      title: `a gradient of class ${wrong.constructor.name}`,
      run: with_<ArraysFixture>((f) => ({ gradients: [wrong, f.gradients[1]] })),
      error: TypeError,
      message: /gradients\[0\] must be a Float32Array, not /,
    },
    {
      title: `a velocity of class ${wrong.constructor.name}`,
      run: with_<ArraysFixture>((f) => ({ velocities: [wrong, f.velocities[1]] })),
      error: TypeError,
      message: /velocities\[0\] must be a Float32Array, not /,
    },
  ]),
  {
    title: 'a gradient that is undefined',
    run: with_((f) => ({ gradients: [undefined, f.gradients[1]] })),
    error: TypeError,
    message: /gradients\[0\] must be a Float32Array, not undefined/,
  },
  ...overlaps.map(([title, change, first, second]) => ({
    title,
    run: with_<ArraysFixture>(() => change(Float32Array.of(1, 2, 3, 4))),
    error: Error,
    message: new RegExp(`${escaped(first)} and .*${escaped(second)} share memory`),
  })),
  ...[undefined, null, '2', [2]].map((loss: unknown) => ({
    title: `a loss that is ${String(loss)}`,
    run: with_<ArraysFixture>(() => ({ loss })),
    error: TypeError,
    message: /loss must be a number where parameters are arrays/,
  })),
  ...nonFiniteRows.map((row) => ({
    title: row.title,
    run: with_<ArraysFixture>((f) => ({
      loss: row.loss,
      gradients: [f.gradients[0]!.map(() => 0), Float32Array.from(row.gradient)],
      maxLearningRate: null,
      epsilon: 0,
    })),
    error: NonFiniteError,
    message:
      row.status === 'gradientNotFinite'
        ? /a gradient is not finite \(gradients\[1\]\)/
        : row.message,
  })),
];

test.serial('fusedAliGStep: bad input over host arrays changes nothing', (t) => {
  const fixture: ArraysFixture = {
    parameters: [Float32Array.of(3, 4), Float32Array.of(5, 6)],
    gradients: [Float32Array.of(1, 2), Float32Array.of(3, 4)],
    velocities: [Float32Array.of(7, 8), Float32Array.of(9, 10)],
  };
  const before = structuredClone(fixture);
  const count = tensorCount();
  for (const row of arrayRows) {
    assertThrows(t, () => row.run(fixture), row, row.title);
    t.deepEqual(fixture, before, row.title);
  }
  t.is(tensorCount(), count);
  const good = with_(() => ({}))(fixture);
  t.is(good.engine, 'native-cpu');
  t.is(good.status, 'taken');
  t.notDeepEqual(fixture, before);
});
