/** Bad gradients and losses of applyGradients have their own errors each, after which nothing is changed. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, l2Ball, NonFiniteError } from '../../lib/index.js';
import { backendNames, engineOf, useBackend, type BackendName } from '../support/backends.js';
import { assertThrows, nonFiniteRows, type AnyOptions, type Row } from '../support/bad-input.js';
import { tensorCount } from '../support/tensor-count.js';

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
