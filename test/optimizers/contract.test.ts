/** What every optimiser has to do: one table, a row each. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import { NonFiniteError, optimizers, type AnyOption } from '../../lib/index.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import { makeOptimizer } from '../support/golden-replay.js';
import { savedToMemory } from '../support/saved-model.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

type Settings = Readonly<Record<string, unknown>>;
type Optimizer = ReturnType<typeof makeOptimizer>;

/** How near an optimiser comes to an optimum. */
interface Aim {
  readonly settings?: Settings;
  readonly steps: number;
  /** Largest distance to the optimum after these steps. */
  readonly within: number;
  /** Where it only comes near: why. */
  readonly because?: string;
}

interface Row {
  readonly name: string;
  /** With all that it keeps from step to step, and weight decay where it has one. */
  readonly settings: Settings;
  /** Of one group; null: it has none that a group could have of its own. */
  readonly override: Settings | null;
  readonly parabola: Aim;
  readonly rosenbrock: Aim;
  /** Settings that are in their ranges but refused together; the message names the first one. */
  readonly refused?: readonly Settings[];
}

const normalised =
  'each step is as long as the loss times the learning rate, so that it slows down as the loss falls';

const rows: Row[] = [
  {
    name: 'alig',
    settings: { maxLearningRate: 0.1, maxNorm: 50 },
    override: { maxLearningRate: 0.01, momentum: 0.5 },
    parabola: { steps: 300, within: 1e-4 },
    rosenbrock: { settings: { maxLearningRate: 1e-3 }, steps: 3000, within: 0.01 },
  },
  {
    name: 'sgd',
    settings: { learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 },
    override: {
      learningRate: 0.01,
      weightDecay: 0.1,
      momentum: 0.5,
      dampening: 0.1,
      nesterov: false,
    },
    parabola: { settings: { learningRate: 0.1, momentum: 0.9 }, steps: 300, within: 1e-4 },
    rosenbrock: { settings: { learningRate: 1e-3, momentum: 0.9 }, steps: 3000, within: 0.01 },
    refused: [
      { nesterov: true, momentum: 0 },
      { nesterov: true, dampening: 0.5 },
    ],
  },
  ...['adam', 'amsgrad', 'adamw'].map((name): Row => ({
    name,
    settings: { learningRate: 0.05, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 1e-3 },
    parabola: { settings: { learningRate: 0.1, weightDecay: 0 }, steps: 1000, within: 1e-3 },
    rosenbrock: { settings: { learningRate: 0.02, weightDecay: 0 }, steps: 5000, within: 0.01 },
  })),
  {
    name: 'yogi',
    settings: { learningRate: 0.05, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 1e-3 },
    parabola: { settings: { learningRate: 0.1 }, steps: 1000, within: 1e-3 },
    rosenbrock: { settings: { learningRate: 0.02 }, steps: 5000, within: 0.01 },
  },
  {
    name: 'adagrad',
    settings: { learningRate: 0.05, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, learningRateDecay: 0.1, epsilon: 1e-3 },
    parabola: { settings: { learningRate: 0.5 }, steps: 1000, within: 1e-3 },
    rosenbrock: {
      settings: { learningRate: 0.5 },
      steps: 5000,
      within: 0.1,
      because: 'its step size only ever falls, and was spent on the steep walls of the valley',
    },
  },
  {
    name: 'rmsprop',
    settings: { learningRate: 0.05, momentum: 0.9, centered: true, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, decay: 0.8, momentum: 0.5, epsilon: 1e-3 },
    parabola: {
      settings: { learningRate: 1e-3 },
      steps: 10_000,
      within: 0.01,
      because: 'steps are as long as the learning rate, however near the optimum is',
    },
    rosenbrock: {
      settings: { learningRate: 1e-3 },
      steps: 10_000,
      within: 0.05,
      because: 'steps are as long as the learning rate, however near the optimum is',
    },
  },
  {
    name: 'dfw',
    settings: { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, momentum: 0.5 },
    parabola: { settings: { learningRate: 0.1, momentum: 0.9 }, steps: 300, within: 1e-3 },
    rosenbrock: { settings: { learningRate: 1e-3, momentum: 0.9 }, steps: 3000, within: 0.01 },
  },
  {
    name: 'bpgrad',
    settings: { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 },
    override: { learningRate: 0.01, weightDecay: 0.1, momentum: 0.5 },
    parabola: {
      settings: { learningRate: 0.03, momentum: 0.9 },
      steps: 1000,
      within: 0.02,
      because: normalised,
    },
    rosenbrock: {
      settings: { learningRate: 3e-3, momentum: 0.9 },
      steps: 10_000,
      within: 0.05,
      because: normalised,
    },
  },
  ...['l4adam', 'l4mom'].map((name): Row => ({
    name,
    settings: { weightDecay: 0.01 },
    override: { weightDecay: 0.1 },
    parabola: {
      settings: {},
      steps: 1000,
      within: 0.05,
      because: 'it always aims below the smallest loss, so that it steps on at the optimum',
    },
    rosenbrock: { settings: {}, steps: 3000, within: 0.05 },
  })),
  {
    name: 'aprox',
    settings: { learningRate: 0.1 },
    override: { learningRate: 0.01 },
    parabola: { steps: 300, within: 1e-3 },
    rosenbrock: { steps: 3000, within: 0.01 },
  },
  {
    name: 'sps',
    settings: { batchesPerEpoch: 10 },
    override: null,
    parabola: {
      settings: { variant: 'constant', maxStepSize: 0.1 },
      steps: 1000,
      within: 1e-3,
    },
    rosenbrock: { settings: { variant: 'constant', maxStepSize: 0.1 }, steps: 3000, within: 0.01 },
  },
  {
    name: 'momo',
    settings: { learningRate: 0.1, estimateLowerBound: true, weightDecay: 0.01 },
    override: null,
    parabola: { settings: { learningRate: 0.1 }, steps: 1000, within: 1e-3 },
    rosenbrock: { settings: { learningRate: 0.1 }, steps: 3000, within: 0.01 },
  },
  {
    name: 'momoadam',
    settings: { learningRate: 0.1, estimateLowerBound: true, weightDecay: 0.01 },
    override: null,
    parabola: { settings: { learningRate: 0.1 }, steps: 1000, within: 1e-3 },
    rosenbrock: { settings: { learningRate: 0.1 }, steps: 3000, within: 0.01 },
  },
];

/** The loss of the step that is being made: what the objective of those that have one gives. */
let currentLoss = 1;
const objective = () => currentLoss;

for (const name of ['polyak', 'obermanprazeres']) {
  rows.push({
    name,
    settings: { objective },
    override: null,
    parabola: { steps: 300, within: 1e-3 },
    rosenbrock: { steps: 3000, within: 0.01 },
  });
}

test('every optimiser has a row', (t) => {
  const { message } = t.throws(() => makeOptimizer('none', {}));
  const known = /must be one of (.*), not 'none'/.exec(message)![1]!.split(', ');
  t.deepEqual(rows.map(({ name }) => name).sort(), known.sort());
});

function optionsOf(name: string): Readonly<Record<string, AnyOption>> {
  return optimizers[name as keyof typeof optimizers].description.options;
}

/** Values just outside of what an option may be, and of other types. */
function outOfRange({ kind, start }: AnyOption): unknown[] {
  if (kind !== 'number') return [kind === 'flag' ? 1 : true, 'none of them', null];
  const { above, atLeast, below, atMost, none } = start!;
  return [
    ...[NaN, Infinity, -Infinity, 1e39, '0.5', true],
    ...(none === undefined ? [null] : []),
    ...(above === undefined ? [] : [above, above - 1e-3]),
    ...(atLeast === undefined ? [] : [atLeast - 1e-3]),
    ...(below === undefined ? [] : [below, below - 1e-9]),
    ...(atMost === undefined ? [] : [atMost + 1e-3]),
  ];
}

/** Loss and gradient of a function of two numbers, and where it is 0. */
interface Objective {
  readonly start: readonly [number, number];
  readonly optimum: readonly [number, number];
  readonly at: (x: number, y: number) => { loss: number; gradient: [number, number] };
}

const objectives: Readonly<Record<'parabola' | 'rosenbrock', Objective>> = {
  parabola: {
    start: [3, 4],
    optimum: [1, -2],
    at: (x, y) => ({
      loss: 0.5 * ((x - 1) ** 2 + 4 * (y + 2) ** 2),
      gradient: [x - 1, 4 * (y + 2)],
    }),
  },
  rosenbrock: {
    start: [-1.2, 1],
    optimum: [1, 1],
    at: (x, y) => ({
      loss: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
      gradient: [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
    }),
  },
};

/** Two variables on the current backend with gradients that do not depend on them. */
class Tape {
  readonly variables: readonly tf.Variable[];
  private readonly random = new SeededRandom(5);

  constructor(readonly title: string) {
    const random = new SeededRandom(3);
    this.variables = [[3, 2], [2]].map((shape, i) =>
      tf.tidy(() =>
        tf.variable(
          tf.tensor(random.normals(shape.reduce((a, b) => a * b)), shape),
          true,
          `${title}/${i}`,
        ),
      ),
    );
  }

  get values(): number[][] {
    return this.variables.map((variable) => [...variable.dataSync()]);
  }

  /** Skips the steps that another tape has made. */
  skip(steps: number): this {
    for (let i = 0; i < steps; i++) this.next();
    return this;
  }

  private next(): { gradients: Float32Array[]; loss: number } {
    const gradients = this.variables.map(({ size }) => this.random.normals(size));
    return { gradients, loss: Math.fround(1 + this.random.uniform()) };
  }

  step(
    optimizer: Optimizer,
    change: (gradients: (Float32Array | null)[]) => void = () => undefined,
  ) {
    const { gradients, loss } = this.next();
    const given: (Float32Array | null)[] = [...gradients];
    change(given);
    currentLoss = loss;
    tf.tidy(() => {
      optimizer.applyGradients(
        this.variables.map(({ name, shape }, i) => ({
          name,
          tensor: given[i] ? tf.tensor(given[i], shape) : null,
        })),
        { loss },
      );
    });
  }

  dispose(): void {
    tf.dispose([...this.variables]);
  }
}

/** Gives a loaded optimiser the function that is not saved. */
function completed(optimizer: Optimizer): Optimizer {
  if ('objective' in optimizer) optimizer.objective = objective;
  return optimizer;
}

/** An optimiser from what another one's configuration is as JSON. */
function configured(optimizer: Optimizer): Optimizer {
  const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
  const constructor = optimizer.constructor as unknown as typeof tf.Optimizer;
  return completed(constructor.fromConfig(constructor as never, config) as unknown as Optimizer);
}

type NamedTensor = Awaited<ReturnType<Optimizer['getWeights']>>[number];

/** Weights that have been through JSON. */
async function throughJson(weights: readonly NamedTensor[]): Promise<NamedTensor[]> {
  const text = JSON.stringify(
    await Promise.all(
      weights.map(async ({ name, tensor }) => ({
        name,
        values: [...(await tensor.data())],
        shape: tensor.shape,
        dtype: tensor.dtype,
      })),
    ),
  );
  tf.dispose(weights.map(({ tensor }) => tensor));
  const read = JSON.parse(text) as {
    name: string;
    values: number[];
    shape: number[];
    dtype: 'float32' | 'int32';
  }[];
  return read.map(({ name, values, shape, dtype }) => ({
    name,
    tensor: tf.tensor(values, shape, dtype),
  }));
}

async function copiedState(from: Optimizer, to: Optimizer): Promise<void> {
  const weights = await throughJson(await from.getWeights());
  await to.setWeights(weights);
  tf.dispose(weights.map(({ tensor }) => tensor));
}

async function stateOf(optimizer: Optimizer): Promise<number[][]> {
  const weights = await optimizer.getWeights();
  const values = weights.map(({ tensor }) => [...tensor.dataSync()]);
  tf.dispose(weights.map(({ tensor }) => tensor));
  return values;
}

/** The report's fields that are not lazily read. */
function reportOf(optimizer: Optimizer) {
  return { ...optimizer.lastStep! };
}

async function assertEqualRuns(
  t: ExecutionContext,
  [a, first]: [Optimizer, Tape],
  [b, second]: [Optimizer, Tape],
  message?: string,
): Promise<void> {
  t.deepEqual(second.values, first.values, message);
  t.deepEqual(await stateOf(b), await stateOf(a), message);
  t.deepEqual(reportOf(b), reportOf(a), message);
}

for (const row of rows) {
  const { name, settings } = row;

  for (const [title, { start, optimum, at }] of Object.entries(objectives)) {
    const aim = row[title as keyof typeof objectives];
    const how = aim.because ? 'comes near' : 'reaches';
    test.serial(`${name} ${how} the optimum of the ${title}`, async (t) => {
      await useBackend('cpu');
      const variable = tf.tidy(() => tf.variable(tf.tensor1d([...start])));
      const optimizer = makeOptimizer(name, aim.settings ?? settings);
      for (let i = 0; i < aim.steps; i++) {
        const [x, y] = variable.dataSync() as unknown as [number, number];
        const { loss, gradient } = at(x, y);
        currentLoss = loss;
        tf.tidy(() => {
          optimizer.applyGradients({ [variable.name]: tf.tensor1d(gradient) }, { loss });
        });
      }
      const [x, y] = variable.dataSync() as unknown as [number, number];
      const distance = Math.hypot(x - optimum[0], y - optimum[1]);
      t.log(`distance ${distance.toPrecision(2)} after ${aim.steps} steps`, aim.because ?? '');
      t.true(distance <= aim.within, `(${x}, ${y})`);
      optimizer.dispose();
      variable.dispose();
    });
  }

  for (const backend of backendNames) {
    test.serial(
      `${name} goes on with the same bits where it is resumed (${backend})`,
      async (t) => {
        await useBackend(backend);
        const before = tensorCount();
        const [first, second] = [new Tape(`${name}-first`), new Tape(`${name}-second`)];
        const optimizer = makeOptimizer(name, settings);
        for (let i = 0; i < 3; i++) first.step(optimizer);
        t.is(optimizer.lastStep!.engine, engineOf[backend]);
        const resumed = configured(optimizer);
        await copiedState(optimizer, resumed);
        second.skip(3).variables.forEach((variable, i) => {
          variable.assign(first.variables[i]!);
        });
        for (let i = 0; i < 3; i++) {
          first.step(optimizer);
          second.step(resumed);
          await assertEqualRuns(t, [optimizer, first], [resumed, second]);
        }
        t.is(resumed.iterations, 6);

        const tensors = tensorCount();
        for (let i = 0; i < 5; i++) first.step(optimizer);
        t.is(tensorCount(), tensors);
        for (const each of [optimizer, resumed, first, second]) each.dispose();
        optimizer.dispose();
        t.is(tensorCount(), before);
      },
    );

    test.serial(`${name} leaves a variable without gradient alone (${backend})`, async (t) => {
      await useBackend(backend);
      const tape = new Tape(`${name}-skipped`);
      const optimizer = makeOptimizer(name, settings);
      tape.step(optimizer);
      const [, bias] = tape.values;
      tape.step(optimizer, (gradients) => {
        gradients[1] = null;
      });
      t.deepEqual(tape.values[1], bias);
      const [kernel] = tape.values;
      tape.step(optimizer, (gradients) => {
        gradients[0] = null;
      });
      t.deepEqual(tape.values[0], kernel);
      t.notDeepEqual(tape.values[1], bias);
      t.is(optimizer.iterations, 3);
      optimizer.dispose();
      tape.dispose();
    });

    test.serial(`${name} writes nothing where a number is not finite (${backend})`, async (t) => {
      await useBackend(backend);
      for (const goodSteps of [0, 2]) {
        const [clean, hurt] = [new Tape(`${name}-clean`), new Tape(`${name}-hurt`)];
        const [one, other] = [makeOptimizer(name, settings), makeOptimizer(name, settings)];
        for (let i = 0; i < goodSteps; i++) {
          clean.step(one);
          hurt.step(other);
        }
        const { values } = hurt;
        for (const bad of [NaN, Infinity, -Infinity]) {
          const tensors = tensorCount();
          t.throws(
            () => {
              hurt.step(other, (gradients) => {
                gradients[1]![1] = bad;
              });
            },
            { instanceOf: NonFiniteError },
          );
          t.is(tensorCount(), tensors);
          t.deepEqual(hurt.values, values);
          t.is(other.iterations, goodSteps);
        }
        // Nothing of it is left in the state either.
        clean.skip(3).step(one);
        hurt.step(other);
        await assertEqualRuns(t, [one, clean], [other, hurt]);
        for (const each of [one, other, clean, hurt]) each.dispose();
      }
    });

    test.serial(`${name} has the settings of its groups (${backend})`, async (t) => {
      await useBackend(backend);
      const make = (more: Settings) => makeOptimizer(name, { ...settings, ...more });
      if (!row.override) {
        t.false(Object.values(optionsOf(name)).some(({ ofGroup }) => ofGroup));
        t.throws(() => make({ groups: [{ variables: [/./] }] }), {
          instanceOf: TypeError,
          message: /: groups must be left out/,
        });
        return;
      }
      const { override } = row;
      const own = Object.entries(optionsOf(name)).flatMap(([each, { ofGroup }]) =>
        ofGroup ? [each] : [],
      );
      t.deepEqual(
        Object.keys(override).sort(),
        own.sort(),
        'the row has all that a group may have',
      );
      const run = async (title: string, more: (tape: Tape) => Settings) => {
        const tape = new Tape(`${name}-${title}`);
        const optimizer = make(more(tape));
        for (let i = 0; i < 3; i++) tape.step(optimizer);
        const { stepSize } = reportOf(optimizer);
        const found = { values: tape.values, state: await stateOf(optimizer), stepSize };
        optimizer.dispose();
        tape.dispose();
        return found;
      };
      const plain = await run('own', () => ({}));
      const overridden = await run('overridden', () => override);
      t.notDeepEqual(overridden.values, plain.values);
      const all = await run('all', ({ variables }) => ({ groups: [{ variables, ...override }] }));
      t.deepEqual(all, overridden);
      // A group may repeat the settings: portable sums alone are then added in another order.
      const same = await run('same', ({ variables: [kernel] }) => ({
        groups: [{ variables: [kernel] }],
      }));
      if (backend !== 'wasm') t.deepEqual(same.values, plain.values);
      const part = await run('part', ({ variables: [kernel] }) => ({
        groups: [{ variables: [kernel], ...override }],
      }));
      t.notDeepEqual(part.values[0], plain.values[0]);
      t.notDeepEqual(part.values[1], overridden.values[1]);
    });
  }

  test(`${name} refuses bad settings by their name`, (t) => {
    const before = tensorCount();
    const assertRefused = (bad: Settings, instanceOf: typeof RangeError | typeof TypeError) => {
      const [setting] = Object.keys(bad);
      t.throws(
        () => makeOptimizer(name, { ...settings, ...bad }),
        { instanceOf, message: new RegExp(`: ${setting!} must be `) },
        JSON.stringify(bad),
      );
    };
    for (const bad of row.refused ?? []) assertRefused(bad, RangeError);
    for (const [option, is] of Object.entries(optionsOf(name))) {
      for (const value of outOfRange(is)) {
        assertRefused({ [option]: value }, is.kind === 'function' ? TypeError : RangeError);
      }
    }
    t.throws(() => makeOptimizer(name, { ...settings, batchSize: 3 }), {
      instanceOf: TypeError,
      message: /has no option 'batchSize'; its options are /,
    });
    t.throws(() => makeOptimizer(name, { ...settings, groups: 3 }), {
      instanceOf: TypeError,
      message: /: groups must be /,
    });
    t.is(tensorCount(), before);
  });

  test(`${name}: its configuration makes the same optimiser`, (t) => {
    const optimizer = makeOptimizer(name, settings);
    const config = optimizer.getConfig();
    const again = configured(optimizer);
    t.is(again.constructor, optimizer.constructor);
    t.deepEqual(again.getConfig(), config);
    t.deepEqual(JSON.parse(JSON.stringify(config)), config);
    // tfjs-layers camel-cases what it loads.
    t.notRegex(JSON.stringify(config), /_/);
    t.notRegex(optimizer.getClassName(), /_/);
  });

  test.serial(
    `${name} is saved and loaded with its model, whose layers may be frozen`,
    async (t) => {
      const before = tensorCount();
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: 4, inputShape: [3], activation: 'tanh' }),
          tf.layers.dense({ units: 2, activation: 'softmax' }),
        ],
      });
      const optimizer = makeOptimizer(name, settings);
      const random = new SeededRandom(17);
      const inputs = tf.tensor2d(random.normals(18), [6, 3]);
      const labels = tf.tidy(
        () => tf.oneHot(tf.tensor1d([0, 1, 1, 0, 1, 0], 'int32'), 2) as tf.Tensor2D,
      );
      // Those of the model itself come in another order where a layer is frozen.
      const weightsOf = (each: tf.LayersModel) =>
        each.layers.flatMap((layer) => layer.getWeights()).map((weight) => [...weight.dataSync()]);
      const fit = async (each: tf.LayersModel) => {
        const options = { epochs: 2, batchSize: 4, shuffle: false, verbose: 0 as const };
        await each.fit(inputs, labels, options);
        return weightsOf(each);
      };
      // Small steps: the objective does not know of this model.
      currentLoss = 0.01;
      const [hidden] = model.layers;
      hidden!.trainable = false;
      model.compile({ optimizer, loss: 'categoricalCrossentropy' });
      const start = weightsOf(model);
      const frozen = await fit(model);
      t.deepEqual(frozen.slice(0, 2), start.slice(0, 2));
      t.notDeepEqual(frozen.slice(2), start.slice(2));
      hidden!.trainable = true;
      model.compile({ optimizer, loss: 'categoricalCrossentropy' });
      const thawed = await fit(model);
      t.notDeepEqual(thawed[0], frozen[0]);
      t.is(optimizer.iterations, 8);
      optimizer.dispose();

      // In one order of the variables from the start, so that a loaded model has it as well.
      const second = makeOptimizer(name, settings);
      model.compile({ optimizer: second, loss: 'categoricalCrossentropy' });
      await fit(model);
      const loaded = await tf.loadLayersModel(await savedToMemory(model));
      const restored = completed(loaded.optimizer as unknown as Optimizer);
      t.is(restored.constructor, second.constructor);
      t.is(restored.iterations, 4);
      t.deepEqual(await fit(loaded), await fit(model));
      t.deepEqual(await stateOf(restored), await stateOf(second));
      for (const each of [second, restored, model, loaded]) each.dispose();
      tf.dispose([inputs, labels]);
      t.is(tensorCount(), before);
    },
  );
}
