/** A norm and a step size for each parameter group: `normScope: 'group'`. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import {
  AliG,
  createOptimizer,
  l2Ball,
  NonFiniteError,
  type HyperParameters,
  type OptimizersByName,
  type ParameterGroup,
} from '../../lib/index.js';
import { aliGStep } from '../../lib/step/alig-step.js';
import { referenceStep } from '../../lib/engines/reference.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import { randomNumbers } from '../support/random.js';
import { savedToMemory } from '../support/saved-model.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** Elements of the variables; the last belongs to no group. 70,001 take several chunks. */
const sizes = [5, 70_001, 0, 64, 7];
const groupOf = [0, 1, 0, 1, null] as const;
const losses = [2.5, 1.25, 0.75];

/** The gradient of variable 3 is missing in the second step. */
const missing = { step: 1, variable: 3 };

/** The same arrays each time. */
function numbers(seed: number, scale = 1): Float32Array[] {
  const random = randomNumbers(seed);
  return sizes.map((size) => Float32Array.from({ length: size }, () => scale * (random() - 0.5)));
}

function gradientsOf(step: number): (Float32Array | null)[] {
  return numbers(10 + step, 0.1).map((values, i) =>
    step === missing.step && i === missing.variable ? null : values,
  );
}

type Optimizer = OptimizersByName[keyof OptimizersByName];

/** Variables, and steps of some of them. */
class Fixture {
  readonly variables: tf.Variable[];

  constructor(readonly prefix: string) {
    this.variables = numbers(1).map((values, i) =>
      tf.tidy(() => tf.variable(tf.tensor1d(values), true, `${prefix}/${i}`)),
    );
  }

  get values(): Float32Array[] {
    return this.variables.map((variable) => variable.dataSync<'float32'>());
  }

  groups(settings: readonly object[]): ParameterGroup[] {
    return settings.map((own, group) => ({
      variables: this.variables.filter((_, i) => groupOf[i] === group),
      ...own,
    }));
  }

  step(optimizer: Optimizer, step: number, takesPart: (i: number) => boolean = () => true): void {
    tf.tidy(() => {
      const given = gradientsOf(step).flatMap((values, i) =>
        takesPart(i)
          ? [{ name: this.variables[i]!.name, tensor: values && tf.tensor1d(values) }]
          : [],
      );
      optimizer.applyGradients(given, { loss: losses[step]! });
    });
  }

  dispose(): void {
    tf.dispose(this.variables);
  }
}

type Name = keyof HyperParameters;
type Row = [name: Name, options: object, groups: readonly object[]];

const rows: Row[] = [
  ['alig', { maxLearningRate: 0.5 }, [{ maxLearningRate: 0.01 }, { maxLearningRate: null }]],
  ['alig', { maxLearningRate: null, momentum: 0 }, [{}, {}]],
  ['alig', { maxLearningRate: 0.5, adjustedMomentum: true }, [{}, {}]],
  ['aprox', { learningRate: 0.5 }, [{ learningRate: 0.01 }, {}]],
  ['bpgrad', { learningRate: 0.1, momentum: 0.9 }, [{ weightDecay: 0.1 }, { learningRate: 1 }]],
  ['dfw', { learningRate: 0.1, momentum: 0.9 }, [{ learningRate: 0.5 }, { weightDecay: 0.1 }]],
  ['sps', { variant: 'constant' }, [{}, {}]],
];

for (const backend of backendNames) {
  for (const [name, options, settings] of rows) {
    test.serial(
      `each group steps as if alone: ${name} ${JSON.stringify(options)} (${backend})`,
      async (t) => {
        await useBackend(backend);
        const make = (more: object) => createOptimizer(name, { ...options, ...more });
        const f = new Fixture('together');
        const optimizer = make({ normScope: 'group', groups: f.groups(settings) });
        const alone = [null, 0, 1].map((group) => ({
          group,
          fixture: new Fixture(`alone-${group ?? 'rest'}`),
          optimizer: make(group === null ? {} : settings[group]!),
        }));
        losses.forEach((_, step) => {
          f.step(optimizer, step);
          for (const each of alone) {
            each.fixture.step(each.optimizer, step, (i) => groupOf[i] === each.group);
          }
          const lastStep = optimizer.lastStep!;
          t.is(lastStep.engine, engineOf[backend]);
          t.deepEqual(
            lastStep.groups?.map(({ group }) => group),
            [0, 1, null],
          );
          for (const entry of lastStep.groups!) {
            const own = alone.find(({ group }) => group === entry.group)!.optimizer.lastStep!;
            const { stepSize, unclippedStepSize, gradientNorm, clipped } = own;
            t.deepEqual(entry, {
              group: entry.group,
              stepSize,
              unclippedStepSize,
              gradientNorm,
              clipped,
            });
          }
        });
        f.values.forEach((values, i) => {
          const expected = alone.find(({ group }) => group === groupOf[i])!.fixture.values[i]!;
          t.deepEqual(values, expected, String(i));
        });
        t.is(optimizer.iterations, 3);
        for (const { fixture, optimizer: own } of alone) {
          fixture.dispose();
          own.dispose();
        }
        optimizer.dispose();
        f.dispose();
      },
    );
  }

  test.serial(`a refused group takes back the steps before it (${backend})`, async (t) => {
    await useBackend(backend);
    const f = new Fixture('refused');
    const optimizer = new AliG({
      maxLearningRate: 0.5,
      normScope: 'group',
      groups: f.groups([{}, {}]),
      constraint: l2Ball(20),
    });
    f.step(optimizer, 0);
    const { values } = f;
    const weights = await optimizer.getWeights();
    const state = await Promise.all(weights.map(({ tensor }) => tensor.data()));
    const count = tensorCount();
    // Variable 4 belongs to the last group.
    const bad = gradientsOf(0).map((array, i) =>
      i === 4 ? Float32Array.of(...array!).fill(NaN) : array!,
    );
    const error = t.throws(
      () => {
        tf.tidy(() => {
          optimizer.applyGradients(
            bad.map((array, i) => ({ name: f.variables[i]!.name, tensor: tf.tensor1d(array) })),
            { loss: 1 },
          );
        });
      },
      { instanceOf: NonFiniteError, message: /a gradient is not finite.*refused\/4/ },
    );
    t.is(error.report.status, 'gradientNotFinite');
    t.is(tensorCount(), count);
    t.deepEqual(f.values, values);
    const after = await optimizer.getWeights();
    t.deepEqual(await Promise.all(after.map(({ tensor }) => tensor.data())), state);
    t.is(optimizer.iterations, 1);
    optimizer.dispose();
    f.dispose();
  });

  test.serial(`without groups it is the global norm, with the ball (${backend})`, async (t) => {
    await useBackend(backend);
    const results = (['group', 'global'] as const).map((normScope) => {
      const f = new Fixture('one');
      const optimizer = new AliG({ maxLearningRate: 0.5, normScope, constraint: l2Ball(50) });
      losses.forEach((_, step) => {
        f.step(optimizer, step);
      });
      const { groups, ...report } = optimizer.lastStep!;
      const { values } = f;
      optimizer.dispose();
      f.dispose();
      return { report, values, groups: groups?.length };
    });
    t.is(results[0]!.groups, 1);
    t.is(results[1]!.groups, undefined);
    t.true(results[0]!.report.projected);
    t.deepEqual(results[0]!.report, results[1]!.report);
    t.deepEqual(results[0]!.values, results[1]!.values);
  });
}

for (const backend of ['tensorflow', 'cpu'] as const) {
  test.serial(
    `the bits of the reference, one step a group and then the ball (${backend})`,
    async (t) => {
      await useBackend(backend);
      const f = new Fixture('reference');
      const options = {
        maxLearningRate: 0.5,
        momentum: 0.9,
        epsilon: 1e-5,
        lowerBound: 0,
        adjustedMomentum: false,
      };
      const radius = 60;
      const optimizer = new AliG({
        ...options,
        normScope: 'group',
        groups: f.groups([{ maxLearningRate: 0.01 }, { maxLearningRate: null }]),
        constraint: l2Ball(radius),
      });
      const parameters = numbers(1);
      const velocities = sizes.map((size) => new Float32Array(size));
      const project = () => {
        const step = aliGStep('', { ...options, maxNorm: radius });
        referenceStep(
          parameters,
          parameters.map(() => null),
          [],
          0,
          step,
        );
      };
      project();
      losses.forEach((loss, step) => {
        f.step(optimizer, step);
        const gradients = gradientsOf(step);
        for (const [group, maxLearningRate] of [
          [0, 0.01],
          [1, null],
          [null, 0.5],
        ] as const) {
          const own = <Value>(list: readonly Value[]) =>
            list.filter((_, i) => groupOf[i] === group);
          const settled = aliGStep('', { ...options, maxLearningRate });
          referenceStep(own(parameters), own(gradients), own(velocities), loss, settled);
        }
        project();
        t.true(optimizer.lastStep!.projected);
      });
      t.deepEqual(f.values, parameters);
      optimizer.dispose();
      f.dispose();
    },
  );
}

test.serial('numTensors stays, and a saved optimiser goes on with the same bits', async (t) => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 3, inputShape: [2], name: 'scope_a' }),
      tf.layers.dense({ units: 1, name: 'scope_b' }),
    ],
  });
  const optimizer = new AliG({
    maxLearningRate: 0.1,
    normScope: 'group',
    groups: [{ variables: [/scope_b/], maxLearningRate: 0.01 }],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const [inputs, targets] = [tf.ones([4, 2]), tf.ones([4, 1])];
  await model.trainOnBatch(inputs, targets);
  const before = tensorCount();
  await model.trainOnBatch(inputs, targets);
  t.is(tensorCount(), before);
  t.is(optimizer.getConfig()['normScope'], 'group');
  t.false('normScope' in new AliG({ maxLearningRate: 1 }).getConfig());
  const loaded = await tf.loadLayersModel(await savedToMemory(model));
  for (const each of [model, loaded]) await each.trainOnBatch(inputs, targets);
  t.is((loaded.optimizer as unknown as AliG).lastStep?.groups?.length, 2);
  t.deepEqual(
    loaded.getWeights().map((weight) => weight.dataSync()),
    model.getWeights().map((weight) => weight.dataSync()),
  );
});

test('it is refused where it means nothing or cannot be', (t) => {
  for (const [name, options, message] of [
    [
      'alig',
      { maxLearningRate: 1, normScope: 'layer' },
      /normScope must be 'global' or 'group', not 'layer'/,
    ],
    [
      'adam',
      { normScope: 'group' },
      /Adam: normScope must be 'global' here.*does not come from the loss/,
    ],
    ['momo', { normScope: 'group' }, /Momo: .*lossAverage.* would be needed for each group/],
    ['l4adam', { normScope: 'group' }, /L4Adam: .*minLoss would be needed for each group/],
    ['sps', { variant: 'smoothIter', normScope: 'group' }, /Sps: .*previousStepSize/],
  ] as const) {
    t.throws(() => createOptimizer(name, options as never), { instanceOf: RangeError, message });
  }
  // Under one norm a group of Sps has nothing of its own.
  const groups = [{ variables: [/a/] }];
  t.throws(() => createOptimizer('sps', { groups }), { message: /groups must be left out/ });
  t.notThrows(() => createOptimizer('sps', { variant: 'constant', normScope: 'group', groups }));
});
