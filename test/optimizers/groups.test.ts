/** Parameter groups: settings of their own for some variables, under one norm. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, l2Ball, type AliGOptions } from '../../lib/index.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import { savedToMemory } from '../support/saved-model.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** Variables around 1, named after the caller. */
class Fixture {
  readonly kernel: tf.Variable;
  readonly bias: tf.Variable;
  readonly scale: tf.Variable;

  constructor(readonly prefix: string) {
    const variable = (values: number[], name: string) =>
      tf.tidy(() => tf.variable(tf.tensor(values), true, `${prefix}/${name}`));
    this.kernel = variable([1, -2], 'my_kernel');
    this.bias = variable([3], 'my_bias');
    this.scale = variable([0.5, 0.25, 2], 'my_scale');
  }

  get variables(): tf.Variable[] {
    return [this.kernel, this.bias, this.scale];
  }

  get values(): number[][] {
    return this.variables.map((variable) => [...variable.dataSync()]);
  }

  /** A step with a gradient of 1 for each element, whose unclipped step size is loss / 6. */
  step(optimizer: AliG, loss = 6, without?: tf.Variable): void {
    tf.tidy(() => {
      const gradients = this.variables.map((variable) => ({
        name: variable.name,
        tensor: variable === without ? null : tf.onesLike(variable),
      }));
      optimizer.applyGradients(gradients, { loss });
    });
  }

  dispose(): void {
    tf.dispose(this.variables);
  }
}

/** No progress bar. */
const quiet = { verbose: 0 } as const;

const plain = { momentum: 0, epsilon: 0 } as const;

for (const backend of backendNames) {
  test.serial(`each group has its own bound of the step size (${backend})`, async (t) => {
    await useBackend(backend);
    const f = new Fixture(`groups-${backend}`);
    const optimizer = new AliG({
      ...plain,
      maxLearningRate: 0.5,
      groups: [
        { variables: [f.kernel.name], maxLearningRate: 0.125 },
        { variables: [/_bias$/], maxLearningRate: null },
      ],
    });
    const before = tensorCount();
    f.step(optimizer);
    t.is(tensorCount(), before);
    t.deepEqual(f.values, [[1 - 0.125, -2 - 0.125], [3 - 1], [0, -0.25, 1.5]]);
    const { engine, stepSize, unclippedStepSize, clipped, gradientNorm } = optimizer.lastStep!;
    t.is(engine, engineOf[backend]);
    t.is(unclippedStepSize, 1);
    t.true(clipped);
    // One norm over the gradients of all groups.
    t.is(gradientNorm, Math.fround(Math.sqrt(6)));
    t.true(Math.abs(stepSize - (0.125 + 1 + 0.5) / 3) < 1e-6);

    // A group none of whose variables has a gradient is no part of the mean.
    f.step(optimizer, 4, f.scale);
    const { lastStep } = optimizer;
    t.true(Math.abs(lastStep!.stepSize - (0.125 + 4 / 3) / 2) < 1e-6, String(lastStep?.stepSize));

    optimizer.maxLearningRate = 0.25;
    const [scale] = f.scale.dataSync();
    f.step(optimizer);
    t.is(f.scale.dataSync()[0], scale! - 0.25);
    optimizer.dispose();
    f.dispose();
  });
}

test.serial('a variable can be named by itself, and one that comes later by a RegExp', (t) => {
  const f = new Fixture('later');
  const optimizer = new AliG({
    ...plain,
    maxLearningRate: 0.5,
    groups: [
      { variables: [f.bias], maxLearningRate: 0.25 },
      // With g a RegExp remembers where it was.
      { variables: [/later\/my_[ks]/g], maxLearningRate: 0.125 },
    ],
  });
  const step = (variables: readonly tf.Variable[]) => {
    tf.tidy(() => {
      optimizer.applyGradients(
        variables.map(({ name, shape }) => ({ name, tensor: tf.ones(shape) })),
        { loss: 100 },
      );
    });
  };
  step([f.bias]);
  t.deepEqual(f.values, [[1, -2], [2.75], [0.5, 0.25, 2]]);
  step([f.scale, f.kernel]);
  t.deepEqual(f.values, [[0.875, -2.125], [2.75], [0.375, 0.125, 1.875]]);
  optimizer.dispose();
  f.dispose();
});

for (const backend of backendNames) {
  test.serial(`a group has momentum where the others have none (${backend})`, async (t) => {
    await useBackend(backend);
    const f = new Fixture(`momentum-${backend}`);
    const groups = [{ variables: [f.kernel], momentum: 0.5 }];
    const optimizer = new AliG({ ...plain, maxLearningRate: 0.25, groups });
    f.step(optimizer);
    f.step(optimizer);
    // v = -0.25, w = 1 - 0.25 - 0.125; v = -0.375, w - 0.25 - 0.1875
    t.is(f.kernel.dataSync()[0], 0.1875);
    t.is(f.bias.dataSync()[0], 2.5);
    optimizer.dispose();
    f.dispose();
  });
}

test.serial('bad groups are refused, and nothing is changed', (t) => {
  const f = new Fixture('bad');
  const { values } = f;
  const make = (groups: unknown) =>
    new AliG({ ...plain, maxLearningRate: 0.5, groups, constraint: l2Ball(1) } as AliGOptions);
  const tensors = tensorCount();
  const rows: [unknown, typeof Error, RegExp][] = [
    [5, TypeError, /AliG: groups must be a list of \{variables, \.\.\.settings\}, not 5/],
    [[5], TypeError, /groups\[0\] takes an object of options, not 5/],
    [[{}], TypeError, /groups\[0\]: variables must be a list of at least one name.*not undefined/],
    [[{ variables: [] }], TypeError, /variables must be .* not an empty list/],
    [[{ variables: 'kernel' }], TypeError, /variables must be a list .* not 'kernel'/],
    [[{ variables: [3] }], TypeError, /variables\[0\] must be a name, a RegExp or .*, not 3/],
    [
      [{ variables: ['a'], lowerBound: 0.5 }],
      TypeError,
      /groups\[0\] has no option 'lowerBound'; its options are variables, maxLearningRate/,
    ],
    [
      [{ variables: ['a'] }, { variables: ['b'], maxLearningRate: -1 }],
      RangeError,
      /AliG: groups\[1\]: maxLearningRate must be a number of 0 or more, or null .*, not -1/,
    ],
  ];
  for (const [groups, error, message] of rows) {
    t.throws(() => make(groups), { instanceOf: error, message }, String(message));
  }
  for (const [groups, message] of [
    [[{ variables: ['bad/kernel'] }], /groups\[0\] names 'bad\/kernel', but there is no such/],
    [[{ variables: [/nothing/] }], /groups\[0\] names \/nothing\/, but there is no such variable/],
    [
      [{ variables: [/kernel/] }, { variables: [f.kernel] }],
      /variable 'bad\/my_kernel' is in groups\[0\] and in groups\[1\]/,
    ],
  ] as const) {
    const optimizer = make(groups);
    t.throws(
      () => {
        f.step(optimizer);
      },
      { message },
    );
    t.deepEqual(f.values, values);
    t.is(optimizer.iterations, 0);
    t.is(tensorCount(), tensors);
    optimizer.dispose();
  }
  f.dispose();
});

function loadedFrom(optimizer: AliG): AliG {
  const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
  return AliG.fromConfig<AliG>(AliG, config);
}

/** Every string in a configuration. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value ? Object.values(value).flatMap(stringsIn) : [];
}

test.serial('groups are saved without a name and find their variables by order', (t) => {
  const [f, other] = [new Fixture('saved_one'), new Fixture('saved_two')];
  const optimizer = new AliG({
    ...plain,
    maxLearningRate: 0.5,
    groups: [
      { variables: [f.kernel], maxLearningRate: 0.125 },
      { variables: [/one\/my_bias$/], maxLearningRate: null },
    ],
  });
  t.deepEqual(stringsIn(optimizer.getConfig()), []);

  // Before the first step there are only the names.
  const early = loadedFrom(optimizer);
  t.deepEqual(early.getConfig(), optimizer.getConfig());
  f.step(early);
  const expected = [[1 - 0.125, -2 - 0.125], [3 - 1], [0, -0.25, 1.5]];
  t.deepEqual(f.values, expected);
  early.dispose();

  f.step(optimizer);
  t.deepEqual(stringsIn(optimizer.getConfig()), []);
  const late = loadedFrom(optimizer);
  t.deepEqual(late.getConfig(), optimizer.getConfig());
  other.step(late);
  t.deepEqual(other.values, expected);
  late.dispose();

  // By name, and in any order, where the names are the same.
  const byName = loadedFrom(optimizer);
  const [start] = f.bias.dataSync();
  tf.tidy(() => {
    byName.applyGradients({ [f.bias.name]: tf.ones([1]) }, { loss: 2 });
  });
  t.is(f.bias.dataSync()[0], start! - 2);
  byName.dispose();

  const strange = new Fixture('saved_three');
  const mismatched = loadedFrom(optimizer);
  const { values } = strange;
  const apply = (variables: readonly tf.Variable[]) => () => {
    tf.tidy(() => {
      mismatched.applyGradients(
        variables.map(({ name, shape }) => ({ name, tensor: tf.ones(shape) })),
        { loss: 1 },
      );
    });
  };
  const longer = tf.variable(tf.ones([5]), true, 'saved_three/longer');
  t.throws(apply([longer]), {
    instanceOf: RangeError,
    message: /saved groups are those of 3 variables, but there are 1 variables/,
  });
  t.throws(apply([strange.bias, strange.kernel, strange.scale]), {
    instanceOf: RangeError,
    message:
      /saved groups: variable 0 had the shape \[2\], but 'saved_three\/my_bias' has \[1\]; they belong/,
  });
  t.deepEqual(strange.values, values);
  for (const each of [mismatched, optimizer]) each.dispose();
  for (const each of [f, other, strange]) each.dispose();
});

for (const stepped of [false, true]) {
  const when = stepped ? 'after training' : 'before its first step';
  test.serial(`a model that is saved ${when} has its groups when it is loaded`, async (t) => {
    const prefix = stepped ? 'stepped' : 'fresh';
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: `${prefix}_one`, units: 4, inputShape: [3], activation: 'tanh' }),
        tf.layers.dense({ name: `${prefix}_two`, units: 2, activation: 'softmax' }),
      ],
    });
    const optimizer = new AliG({
      maxLearningRate: 0.5,
      groups: [
        { variables: [/_one\/kernel/], maxLearningRate: 0.01 },
        { variables: [/_two\/.*bias/], maxLearningRate: 0.02 },
      ],
    });
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    const inputs = tf.tensor2d([1, 2, 3, -1, 0.5, 0.25], [2, 3]);
    const labels = tf.tensor2d([1, 0, 0, 1], [2, 2]);
    const fit = async (each: tf.LayersModel) => {
      await each.fit(inputs, labels, { epochs: 3, shuffle: false, ...quiet });
      return each.getWeights().map((weight) => [...weight.dataSync()]);
    };
    if (stepped) await fit(model);
    const loaded = await tf.loadLayersModel(await savedToMemory(model));
    t.deepEqual(loaded.optimizer.getConfig(), optimizer.getConfig());
    t.notDeepEqual(
      loaded.weights.map(({ name }) => name),
      model.weights.map(({ name }) => name),
    );
    t.deepEqual(await fit(loaded), await fit(model));
    for (const each of [model, loaded]) {
      each.optimizer.dispose();
      each.dispose();
    }
    tf.dispose([inputs, labels]);
  });
}
