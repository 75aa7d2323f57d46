/** Every kind of bad input has its own error, after which nothing is changed. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import {
  AliG,
  createOptimizer,
  fusedAliGStep,
  l2Ball,
  NonFiniteError,
  type StepStatus,
} from '../../lib/index.js';
import { backendNames, engineOf, useBackend, type BackendName } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

interface ExpectedError {
  readonly error: new (...parameters: never[]) => Error;
  readonly message: RegExp;
}

interface Row<Fixture> extends ExpectedError {
  readonly title: string;
  /** Fed what TypeScript would not allow, as JavaScript may. */
  readonly run: (fixture: Fixture) => unknown;
}

function assertThrows(t: ExecutionContext, run: () => unknown, row: ExpectedError, title: string) {
  const thrown: unknown = t.throws(run, { instanceOf: row.error, message: row.message }, title);
  // RangeError and TypeError are Errors: the class itself has to be the expected one.
  t.is(Object.getPrototypeOf(thrown), row.error.prototype, title);
}

/** Any options at all, for calls that TypeScript refuses. */
type AnyOptions = Record<string, unknown>;

function newAliG(options: unknown): AliG {
  return new AliG(options as never);
}

function fused(options: unknown) {
  return fusedAliGStep(options as never);
}

const misspelt: { wrong: string; right: string }[] = [
  { wrong: 'max_lr', right: 'maxLearningRate' },
  { wrong: 'maxLr', right: 'maxLearningRate' },
  { wrong: 'lr', right: 'maxLearningRate' },
  { wrong: 'learningRate', right: 'maxLearningRate' },
  { wrong: 'maxLearningrate', right: 'maxLearningRate' },
  { wrong: 'eps', right: 'epsilon' },
  { wrong: 'epsilom', right: 'epsilon' },
  { wrong: 'momentun', right: 'momentum' },
  { wrong: 'adjusted_momentum', right: 'adjustedMomentum' },
  { wrong: 'lowerbound', right: 'lowerBound' },
];

const valuesOutOfRange: { setting: string; values: unknown[]; rule: string }[] = [
  {
    setting: 'maxLearningRate',
    values: [-1, NaN, Infinity, 1e39, '0.1', true],
    rule: 'a number of 0 or more, or null',
  },
  {
    setting: 'momentum',
    values: [-0.1, 1, 1 - 1e-9, NaN, '0.9', null],
    rule: 'a number from 0 up to but not including 1',
  },
  { setting: 'epsilon', values: [-1e-5, NaN, Infinity, 1e39, null], rule: 'a number of 0 or more' },
  { setting: 'lowerBound', values: [NaN, -Infinity, 1e39, null, '0'], rule: 'a finite number' },
  { setting: 'adjustedMomentum', values: [1, 'true', null], rule: 'true or false' },
];

const maxNormOutOfRange = {
  setting: 'maxNorm',
  values: [0, -1, NaN, Infinity, 1e39, '5'],
  rule: 'a positive number, or null',
};

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function rowsOfValues(
  owner: string,
  settings: readonly { setting: string; values: unknown[]; rule: string }[],
) {
  return settings.flatMap(({ setting, values, rule }) =>
    values.map((value) => ({
      title: `${setting} ${typeof value === 'string' ? `'${value}'` : String(value)}`,
      options: { [setting]: value },
      error: RangeError,
      message: new RegExp(
        `^${escaped(owner)}: ${setting} must be ${escaped(rule)}.*, not '?${escaped(String(value))}'?\\.$`,
      ),
    })),
  );
}

test.serial('AliG: constructor arguments', (t) => {
  const before = tensorCount();
  const rows: (ExpectedError & { title: string; options: unknown })[] = [
    { title: 'nothing', options: undefined, error: TypeError, message: /AliG takes an object/ },
    { title: 'a number', options: 0.1, error: TypeError, message: /an object of options, not 0.1/ },
    {
      title: 'no rate',
      options: {},
      error: TypeError,
      message: /maxLearningRate is missing.*null/,
    },
    ...misspelt.map(({ wrong, right }) => ({
      title: wrong,
      options: { maxLearningRate: 0.1, [wrong]: 0.1 },
      error: TypeError,
      message: new RegExp(`AliG has no option '${wrong}'; did you mean '${right}'\\?`),
    })),
    {
      title: 'maxNorm, which is the constraint here',
      options: { maxLearningRate: 0.1, maxNorm: 5 },
      error: TypeError,
      message: /no option 'maxNorm'; did you mean 'constraint'\?/,
    },
    {
      title: 'a name like none',
      options: { maxLearningRate: 0.1, batchSize: 5 },
      error: TypeError,
      message: /no option 'batchSize'; its options are maxLearningRate, momentum/,
    },
    ...rowsOfValues('AliG', valuesOutOfRange).map((row) => ({
      ...row,
      options: { maxLearningRate: 0.1, ...row.options },
    })),
    ...[5, 'l2Ball', {}, Object.create(null), [l2Ball(1)]].map((constraint: unknown) => ({
      title: `constraint ${typeof constraint}`,
      options: { maxLearningRate: 0.1, constraint },
      error: TypeError,
      message: /constraint must be l2Ball\(radius\), box\(lower, upper\), .*, or null, not/,
    })),
    {
      title: 'a ball without radius',
      options: { maxLearningRate: 0.1, constraint: { className: 'L2Ball', config: {} } },
      error: RangeError,
      message: /l2Ball: radius must be a positive number, not undefined/,
    },
  ];
  for (const row of rows) assertThrows(t, () => newAliG(row.options), row, row.title);
  for (const radius of [0, -1, NaN, Infinity, 1e39, null, undefined, '5']) {
    assertThrows(
      t,
      () => l2Ball(radius as never),
      { error: RangeError, message: /^l2Ball: radius must be a positive number, not / },
      String(radius),
    );
  }
  t.is(tensorCount(), before);
});

test.serial('createOptimizer: names and hyper-parameters', (t) => {
  const make = (name: string, options: unknown) => createOptimizer(name as never, options as never);
  const owner = "createOptimizer('alig')";
  assertThrows(
    t,
    () => make('toString', {}),
    { error: RangeError, message: /name must be one of alig, .*, not 'toString'/ },
    'unknown name',
  );
  for (const row of [
    { title: 'nothing', options: undefined, error: TypeError, message: /takes an object/ },
    {
      title: 'lowerClip',
      options: { maxLearningRate: 1, lowerClip: true },
      error: TypeError,
      message: /has no option 'lowerClip'/,
    },
    ...rowsOfValues(owner, [maxNormOutOfRange]).map((each) => ({
      ...each,
      options: { maxLearningRate: 1, ...each.options },
    })),
  ]) {
    assertThrows(t, () => make('alig', row.options), row, row.title);
  }
});

/** Tensors on one backend, around an optimiser that has made a step or none. */
class OptimizerFixture {
  readonly optimizer: AliG;
  readonly kernel = this.variable([3, 4, 5, 6], [2, 2]);
  readonly bias = this.variable([7, 8], [2]);
  readonly gradient = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  readonly biasGradient = tf.tensor1d([5, 6]);
  readonly integers = tf.tensor1d([5, 6], 'int32');
  readonly disposed = tf.tensor1d([5, 6]);
  readonly disposedVariable = this.variable([1], [1]);
  readonly foreign: tf.Tensor;
  readonly foreignVariable: tf.Variable;
  private readonly others: tf.Tensor[] = [];

  private constructor(stepped: boolean, foreign: tf.Tensor, foreignVariable: tf.Variable) {
    this.foreign = foreign;
    this.foreignVariable = foreignVariable;
    // The ball is smaller than the parameters: a first step would begin with a projection.
    this.optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(2) });
    this.disposed.dispose();
    this.disposedVariable.dispose();
    if (stepped) this.step();
  }

  static async make(backend: BackendName, stepped: boolean): Promise<OptimizerFixture> {
    await useBackend(backend === 'cpu' ? 'tensorflow' : 'cpu');
    const foreign = tf.tensor1d([5, 6]);
    const foreignVariable = tf.variable(foreign);
    await useBackend(backend);
    return new OptimizerFixture(stepped, foreign, foreignVariable);
  }

  private variable(values: number[], shape: number[]): tf.Variable {
    return tf.tidy(() => tf.variable(tf.tensor(values, shape)));
  }

  /** A tensor that goes with the fixture. */
  made(tensor: tf.Tensor): tf.Tensor {
    this.others.push(tensor);
    return tensor;
  }

  step(): void {
    this.apply({});
  }

  /** Applies good gradients, but for the named ones, with a good loss or another. */
  apply(gradients: AnyOptions, loss: unknown = 2): void {
    this.applyAny(
      { [this.kernel.name]: this.gradient, [this.bias.name]: this.biasGradient, ...gradients },
      { loss },
    );
  }

  applyAny(gradients: unknown, step: unknown): void {
    this.optimizer.applyGradients(gradients as never, step as never);
  }

  async state() {
    const weights = await this.optimizer.getWeights();
    const values = [this.kernel, this.bias, ...weights.map(({ tensor }) => tensor)].map(
      (tensor) => [...tensor.dataSync()],
    );
    const names = weights.map(({ name }) => name);
    tf.dispose(weights.map(({ tensor }) => tensor));
    return { values, names, iterations: this.optimizer.iterations };
  }

  dispose(): void {
    this.optimizer.dispose();
    tf.dispose([this.kernel, this.bias, this.gradient, this.biasGradient, this.integers]);
    tf.dispose([this.foreign, this.foreignVariable, ...this.others]);
  }
}

const optimizerRows: Row<OptimizerFixture>[] = [
  {
    title: 'no loss',
    run: (f) => {
      f.applyAny({ [f.bias.name]: f.biasGradient }, undefined);
    },
    error: TypeError,
    message: /applyGradients needs the loss.*applyGradients\(gradients, \{loss\}\)/,
  },
  {
    title: 'a loss of undefined',
    run: (f) => {
      f.applyAny({ [f.bias.name]: f.biasGradient }, { loss: undefined });
    },
    error: TypeError,
    message: /applyGradients needs the loss/,
  },
  ...[null, '2', [2], {}].map((loss: unknown): Row<OptimizerFixture> => ({
    title: `a loss that is ${JSON.stringify(loss)}`,
    run: (f) => {
      f.apply({}, loss);
    },
    error: TypeError,
    message: /loss must be a number or a scalar tensor, not /,
  })),
  {
    title: 'a loss that is not a scalar',
    run: (f) => {
      f.apply({}, f.biasGradient);
    },
    error: RangeError,
    message: /loss must be a scalar, not a tensor of shape \[2\]/,
  },
  {
    title: 'a loss in a list',
    run: (f) => {
      f.apply({}, f.made(tf.tensor1d([2])));
    },
    error: RangeError,
    message: /loss must be a scalar, not a tensor of shape \[1\]/,
  },
  {
    title: 'a loss of another dtype',
    run: (f) => {
      f.apply({}, f.made(tf.scalar(2, 'int32')));
    },
    error: TypeError,
    message: /loss has dtype int32/,
  },
  {
    title: 'a disposed loss',
    run: (f) => {
      f.apply({}, f.disposed);
    },
    error: Error,
    message: /loss is disposed/,
  },
  {
    title: 'gradients that are a number',
    run: (f) => {
      f.applyAny(5, { loss: 2 });
    },
    error: TypeError,
    message: /gradients must be a map by variable name or a list of \{name, tensor\}, not 5/,
  },
  {
    title: 'gradients that are null',
    run: (f) => {
      f.applyAny(null, { loss: 2 });
    },
    error: TypeError,
    message: /gradients must be a map by variable name .* not null/,
  },
  {
    title: 'a gradient for an unknown variable',
    run: (f) => {
      f.apply({ 'no such variable': f.biasGradient });
    },
    error: Error,
    message: /there is a gradient for 'no such variable', but no variable of that name/,
  },
  {
    title: 'a gradient for a disposed variable',
    run: (f) => {
      f.apply({ [f.disposedVariable.name]: f.biasGradient });
    },
    error: Error,
    message: /there is a gradient for '[^']+', but no variable of that name/,
  },
  {
    title: 'an unknown option beside the loss',
    run: (f) => {
      f.applyAny({ [f.bias.name]: f.biasGradient }, { loss: 2, epsilon: 0 });
    },
    error: TypeError,
    message: /applyGradients has no option 'epsilon'; its options are loss/,
  },
  {
    title: 'a variable named twice, with two gradients',
    run: (f) => {
      const entry = { name: f.bias.name, tensor: f.biasGradient };
      const other = tf.clone(f.biasGradient);
      try {
        f.applyAny([entry, { ...entry, tensor: other }], { loss: 2 });
      } finally {
        other.dispose();
      }
    },
    error: Error,
    message:
      /variable '[^']+' is named twice in the gradients, with two of them; give it their sum/,
  },
  {
    title: 'no gradient at all',
    run: (f) => {
      f.apply({ [f.kernel.name]: null, [f.bias.name]: undefined });
    },
    error: Error,
    message: /none of the 2 parameters has a gradient/,
  },
  {
    title: 'an empty map',
    run: (f) => {
      f.applyAny({}, { loss: 2 });
    },
    error: Error,
    message: /none of the 0 parameters has a gradient/,
  },
  {
    title: 'a gradient of another shape',
    run: (f) => {
      f.apply({ [f.kernel.name]: f.biasGradient });
    },
    error: RangeError,
    message: /gradient of '[^']+' has shape \[2\], but its parameter has \[2, 2\]/,
  },
  {
    title: 'a gradient of as many elements in another shape',
    run: (f) => {
      f.apply({ [f.kernel.name]: f.made(tf.tensor1d([1, 2, 3, 4])) });
    },
    error: RangeError,
    message: /gradient of '[^']+' has shape \[4\], but its parameter has \[2, 2\]/,
  },
  {
    title: 'a gradient of another dtype',
    run: (f) => {
      f.apply({ [f.bias.name]: f.integers });
    },
    error: TypeError,
    message: /gradient of '[^']+' has dtype int32; a step takes float32/,
  },
  {
    title: 'a disposed gradient',
    run: (f) => {
      f.apply({ [f.bias.name]: f.disposed });
    },
    error: Error,
    message: /gradient of '[^']+' is disposed/,
  },
  {
    title: 'a gradient that is an array',
    run: (f) => {
      f.apply({ [f.bias.name]: Float32Array.of(1, 2) });
    },
    error: TypeError,
    message: /gradient of '[^']+' must be a tf.Tensor, not an object \(Float32Array\)/,
  },
  ...[null, undefined, 'bias', Float32Array.of(1)].map((entry) => ({
    title: `a list with ${String(entry)} in it`,
    run: (f: OptimizerFixture) => {
      f.applyAny([entry], { loss: 2 });
    },
    error: TypeError,
    message: /gradients\[0\] must be \{name, tensor\}, not /,
  })),
  {
    title: 'a gradient on another backend',
    run: (f) => {
      f.apply({ [f.bias.name]: f.foreign });
    },
    error: Error,
    message: /gradient of '[^']+' lives on backend '\w+', but the current backend is '\w+'/,
  },
  {
    title: 'a variable on another backend',
    run: (f) => {
      f.apply({ [f.foreignVariable.name]: f.biasGradient });
    },
    error: Error,
    message: /variable '[^']+' lives on backend '\w+', .* tf.setBackend\('\w+'\)/,
  },
];

for (const backend of backendNames) {
  for (const stepped of [true, false]) {
    const when = stepped ? 'after a step' : 'at the first step';
    test.serial(
      `AliG: bad input of applyGradients changes nothing (${backend}, ${when})`,
      async (t) => {
        const outside = tensorCount();
        const fixture = await OptimizerFixture.make(backend, stepped);
        const before = await fixture.state();
        t.is(before.iterations, stepped ? 1 : 0);
        for (const row of optimizerRows) {
          let made = 0;
          const run = () => {
            const count = tensorCount();
            try {
              row.run({
                // Tensors that a row makes for itself are not the step's.
                __proto__: fixture,
                made: (tensor: tf.Tensor) => {
                  made++;
                  return fixture.made(tensor);
                },
                apply: fixture.apply.bind(fixture),
                applyAny: fixture.applyAny.bind(fixture),
              } as never);
            } finally {
              t.is(tensorCount() - count, made, row.title);
            }
          };
          assertThrows(t, run, row, row.title);
          t.deepEqual(await fixture.state(), before, row.title);
        }
        fixture.step();
        t.is(fixture.optimizer.iterations, before.iterations + 1, 'a good step is still made');
        t.notDeepEqual((await fixture.state()).values, before.values);
        fixture.dispose();
        t.is(tensorCount(), outside);
      },
    );
  }
}

/** One step whose numbers are not finite, and how its report must say so. */
interface NonFiniteRow {
  readonly title: string;
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly status: StepStatus;
  readonly message: RegExp;
}

const nonFiniteRows: NonFiniteRow[] = [
  ...[NaN, Infinity, -Infinity, 1e39].map((loss) => ({
    title: `loss ${loss}`,
    loss,
    gradient: [1, 2],
    status: 'lossNotFinite' as const,
    message: /parameters and state are as they were: the loss is not finite/,
  })),
  ...[NaN, Infinity, -Infinity].flatMap((value) =>
    [
      [value, 1],
      [1, value],
    ].map((gradient) => ({
      title: `gradient ${gradient.join(', ')}`,
      loss: 2,
      gradient,
      status: 'gradientNotFinite' as const,
      message: /parameters and state are as they were: a gradient is not finite/,
    })),
  ),
  {
    title: 'a step size beyond float32',
    loss: 1e30,
    gradient: [1e-10, 0],
    status: 'stepSizeNotFinite',
    message: /parameters and state are as they were: the loss is too large for so small a gradient/,
  },
  {
    title: 'a gradient whose square is below float32',
    loss: 2,
    gradient: [1e-25, 0],
    status: 'stepSizeNotFinite',
    message: /parameters and state are as they were: the loss is too large for so small a gradient/,
  },
];

for (const backend of backendNames) {
  for (const stepped of [true, false]) {
    for (const lossAs of ['number', 'tensor'] as const) {
      test.serial(
        `AliG: numbers that are not finite change nothing (${backend}, ${stepped ? 'after a step' : 'first step'}, loss as ${lossAs})`,
        async (t) => {
          await useBackend(backend);
          const optimizer = new AliG({
            maxLearningRate: null,
            epsilon: 0,
            constraint: l2Ball(1),
          });
          const variables = [tf.variable(tf.tensor1d([3, 4])), tf.variable(tf.tensor1d([5]))];
          const gradients = [tf.tensor1d([1, 2]), tf.tensor1d([0])];
          const apply = (first: tf.Tensor, loss: number | tf.Tensor) => {
            optimizer.applyGradients(
              [
                { name: variables[0]!.name, tensor: first },
                { name: variables[1]!.name, tensor: gradients[1]! },
              ],
              { loss },
            );
          };
          const state = async () => {
            const weights = await optimizer.getWeights();
            const tensors = [...variables, ...weights.map(({ tensor }) => tensor)];
            const values = tensors.map((tensor) => [...tensor.dataSync()]);
            tf.dispose(weights.map(({ tensor }) => tensor));
            return values;
          };
          if (stepped) apply(gradients[0]!, 1);
          const before = await state();
          for (const row of nonFiniteRows) {
            const gradient = tf.tensor1d([...row.gradient]);
            const loss = lossAs === 'number' ? row.loss : tf.scalar(row.loss);
            const count = tensorCount();
            const error = t.throws(
              () => {
                apply(gradient, loss);
              },
              { instanceOf: NonFiniteError, message: row.message },
              row.title,
            );
            t.is(error.constructor, NonFiniteError);
            t.is(error.report.status, row.status, row.title);
            t.is(error.report.engine, engineOf[backend], row.title);
            t.is(optimizer.lastStep?.status, row.status, row.title);
            if (row.status === 'gradientNotFinite') {
              t.true(error.message.includes(variables[0]!.name), 'the variable is named');
            }
            t.is(tensorCount(), count, row.title);
            t.is(optimizer.iterations, stepped ? 1 : 0, row.title);
            t.deepEqual(await state(), before, row.title);
            tf.dispose([gradient, loss]);
          }
        },
      );
    }
  }

  test.serial(
    `AliG: a parameter that overflows is reported, and the step counts (${backend})`,
    async (t) => {
      await useBackend(backend);
      const variable = tf.variable(tf.tensor1d([-3e38, 1]));
      const gradient = tf.tensor1d([1, 1]);
      const optimizer = new AliG({
        maxLearningRate: 3e38,
        momentum: 0,
        constraint: l2Ball(3.3e38),
      });
      const error = t.throws(
        () => {
          optimizer.applyGradients({ [variable.name]: gradient }, { loss: 3.4e38 });
        },
        { instanceOf: NonFiniteError, message: /a new parameter is infinite or NaN/ },
      );
      t.is(error.report.status, 'parameterOverflow');
      t.false(error.report.projected);
      t.true(error.message.includes(variable.name));
      t.is(optimizer.iterations, 1);
      t.true(variable.dataSync().includes(-Infinity));
    },
  );
}

for (const backend of backendNames) {
  test.serial(
    `gradients that are all 0 are a step, also with epsilon 0 (${backend})`,
    async (t) => {
      await useBackend(backend);
      const gradient = tf.tensor1d([0, 0]);
      // Without a maximal learning rate the step size is infinite or 0 / 0: nothing is to be moved.
      for (const [maxLearningRate, loss, stepSize] of [
        [null, 2, 0],
        [null, 0, 0],
        [0.5, 2, 0.5],
        [0.5, 0, 0],
      ] as const) {
        const variable = tf.variable(tf.tensor1d([3, 4]));
        const optimizer = new AliG({ maxLearningRate, momentum: 0, epsilon: 0 });
        optimizer.applyGradients({ [variable.name]: gradient }, { loss });
        const title = `rate ${String(maxLearningRate)}, loss ${loss}`;
        const { lastStep } = optimizer;
        t.is(lastStep?.status, 'taken', title);
        t.is(lastStep?.stepSize, stepSize, title);
        t.is(lastStep?.engine, engineOf[backend]);
        t.is(optimizer.iterations, 1, title);
        t.deepEqual([...variable.dataSync()], [3, 4], title);
      }
    },
  );
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

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Steps over arrays and over variables, and says which engines served. */
const stepsOfBothKinds = `
  import * as tf from '@tensorflow/tfjs-node';
  import { AliG, fusedAliGStep } from './dist/lib/index.js';
  const parameters = [Float32Array.of(3, 4)];
  const loss = 2;
  const { engine } = fusedAliGStep({ parameters, gradients: [Float32Array.of(1, 2)], loss, epsilon: 0 });
  const variable = tf.variable(tf.tensor1d([3, 4]));
  const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0 });
  optimizer.applyGradients({ [variable.name]: tf.tensor1d([1, 2]) }, { loss });
  optimizer.applyGradients({ [variable.name]: tf.tensor1d([0, 0]) }, { loss });
  console.log(JSON.stringify({
    engines: [engine, optimizer.lastStep.engine],
    values: [[...parameters[0]], [...variable.dataSync()]],
  }));
`;

const addonProblems: {
  title: string;
  spoil: (directory: string) => Promise<void>;
  message: RegExp;
}[] = [
  {
    title: 'missing',
    spoil: async () => {
      // Nothing is built.
    },
    message: /Release\/tfjs_alig\.node\n.*Cannot find module/,
  },
  {
    title: 'not loadable by this Node',
    spoil: async (directory) => {
      await mkdir(join(directory, 'build/Release'), { recursive: true });
      await writeFile(join(directory, 'build/Release/tfjs_alig.node'), 'not a library');
    },
    message: /Release\/tfjs_alig\.node\n.*(file too short|invalid ELF header|not valid|mach-o)/,
  },
  {
    title: 'of another version',
    spoil: async (directory) => {
      await cp(join(packageRoot, 'build/Release'), join(directory, 'build/Release'), {
        recursive: true,
      });
      const path = join(directory, 'dist/lib/platform/version.js');
      const source = await readFile(path, 'utf8');
      await writeFile(path, source.replace(/'[0-9.]+'/, "'0.0.0-other'"));
    },
    message: /built from version [0-9.]+, this package is 0\.0\.0-other/,
  },
];

for (const { title, spoil, message } of addonProblems) {
  test.serial(`an add-on that is ${title} is reported, and other engines go on`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'package-without-addon-'));
    for (const part of ['package.json', 'dist/lib']) {
      await cp(join(packageRoot, part), join(directory, part), { recursive: true });
    }
    await symlink(join(packageRoot, 'node_modules'), join(directory, 'node_modules'));
    await writeFile(join(directory, 'steps.mjs'), stepsOfBothKinds);
    await spoil(directory);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['steps.mjs'], {
      cwd: directory,
    });
    const { engines, values } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
      engines: string[];
      values: number[][];
    };
    t.deepEqual(engines, ['typescript', 'portable']);
    // gamma = 2 / 5
    const gamma = Math.fround(0.4);
    for (const pair of values) {
      [3 - gamma, 4 - 2 * gamma].forEach((expected, i) => {
        t.true(Math.abs(pair[i]! - expected) < 1e-6, pair.join(', '));
      });
    }
    t.regex(stderr, message);
    t.regex(stderr, /could not be loaded .*Node v\d+/);
    t.regex(stderr, /npx tfjs-alig build/);
    t.is(stderr.match(/could not be loaded/g)?.length, 2, 'said once for arrays, once for tensors');
    await rm(directory, { recursive: true });
  });
}
