/**
 * Lives of optimisers: variables come and go, steps are made and refused, optimisers are saved and
 * loaded, backends change. A model makes each step by the reference in TypeScript, and has the same
 * bits in variables and state after each command; tensors are counted.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { createOptimizer, l2Ball, NonFiniteError, type AliG } from '../../lib/index.js';
import type { HyperParameters, StepReport } from '../../lib/index.js';
import type { RuleConfiguration } from '../../lib/optimizers/configuration.js';
import { referenceStep } from '../../lib/engines/reference.js';
import { wasWritten } from '../../lib/rules/report.js';
import { StepResult, unpackReport } from '../../lib/rules/result.js';
import type { Group } from '../../lib/rules/rule.js';
import { MOST_SCALARS, smallestLossOf } from '../../lib/rules/rule-step.js';
import { firstDifference } from '../support/engine-comparison.js';
import { useBackend, type BackendName } from '../support/backends.js';
import { mildNumbers, repeated, sizes } from './values.js';

interface Optimizer extends Omit<AliG, 'configuration'> {
  /** Private elsewhere: what the options are to the engines. */
  readonly configuration: RuleConfiguration;
}

/** Each optimiser with options, and what a group of its own may have. */
export const cases: readonly [keyof HyperParameters, object, object?][] = [
  ['alig', { maxLearningRate: 0.1 }, { maxLearningRate: 0.01, momentum: 0.5 }],
  ['alig', { maxLearningRate: null, momentum: 0.9, adjustedMomentum: true }, { momentum: 0.2 }],
  ['alig', { maxLearningRate: 0.5, momentum: 0 }, { maxLearningRate: null }],
  [
    'sgd',
    { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
    { learningRate: 0.3, momentum: 0.1 },
  ],
  ['adam', {}, { learningRate: 0.01, beta1: 0.5 }],
  ['amsgrad', {}, { learningRate: 0.01, beta2: 0.9 }],
  ['adamw', { weightDecay: 0.1 }, { weightDecay: 0 }],
  ['yogi', {}, { learningRate: 0.1, epsilon: 0.1 }],
  ['adagrad', { learningRate: 0.1 }, { weightDecay: 0.1 }],
  ['rmsprop', { learningRate: 0.01, centered: true, momentum: 0.5 }, { momentum: 0.9 }],
  ['aprox', { learningRate: 0.5 }, { learningRate: 0.1 }],
  ['dfw', { learningRate: 0.1, momentum: 0.9 }, { learningRate: 0.2, weightDecay: 0.01 }],
  ['bpgrad', { learningRate: 0.1, momentum: 0.9 }, { momentum: 0.1 }],
  ['sps', {}],
  ['l4adam', {}],
  ['l4mom', {}],
  ['momo', {}],
  ['momoadam', {}],
];

/** Every second variable is of the group, where there is one; the name `fuzz/group` is never stepped. */
const ofGroup = /^fuzz\/(group|\d*[13579])$/;

interface Entry {
  readonly name: string;
  readonly values: Float32Array;
  /** Null: no step has named it. */
  state: Float32Array[] | null;
  steps: number;
}

/** What the optimiser should have and do. */
class Model {
  /** In the order in which steps have named them, those that none has named at the end. */
  entries: Entry[] = [];
  made = 0;
  iterations = 0;
  scalars = new Float64Array(MOST_SCALARS);
  constrained = false;

  constructor(
    readonly maxNorm: number,
    readonly maxGradientValue: number,
  ) {}

  get slots(): Entry[] {
    return this.entries.filter(({ state }) => state !== null);
  }
}

class Real {
  readonly variables = new Map<string, tf.Variable>();
  constructor(public optimizer: Optimizer) {}
}

type Command = fc.AsyncCommand<Model, Real>;

async function check(model: Model, real: Real): Promise<void> {
  assert.equal(real.optimizer.iterations, model.iterations);
  for (const { name, values } of model.entries) {
    const now = await real.variables.get(name)!.data<'float32'>();
    assert.equal(firstDifference([now], [values]), undefined, name);
  }
}

class AddVariable implements Command {
  constructor(
    readonly size: number,
    readonly some: readonly number[],
  ) {}

  check(model: Readonly<Model>): boolean {
    return model.entries.length < 4;
  }

  async run(model: Model, real: Real): Promise<void> {
    const name = `fuzz/${model.made++}`;
    const values = repeated(this.size, this.some);
    model.entries.push({ name, values, state: null, steps: 0 });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d(values.slice()), true, name));
    real.variables.set(name, variable);
    await check(model, real);
  }

  toString(): string {
    return `variable(${this.size}, [${this.some.join(', ')}])`;
  }
}

class Step implements Command {
  constructor(
    /** Bits: which variables are named, and which of them have a gradient. */
    readonly named: number,
    readonly given: number,
    readonly some: readonly number[],
    readonly loss: number,
    readonly lossIsTensor: boolean,
    /** By a function of the variables, where all that are named have a gradient. */
    readonly byMinimize = false,
  ) {}

  check(model: Readonly<Model>): boolean {
    return model.entries.length > 0;
  }

  async run(model: Model, real: Real): Promise<void> {
    const has = (bits: number, i: number) => ((bits >> i) & 1) === 1;
    const named = model.entries.filter((_, i) => has(this.named, i));
    if (named.length === 0) named.push(model.entries[0]!);
    const gradients = new Map(
      named.map((entry, i) => [
        entry,
        has(this.given, i) ? repeated(entry.values.length, this.some) : null,
      ]),
    );
    const expected = expectedStep(model, real.optimizer.configuration, gradients, this.loss);
    let error: unknown = null;
    const { optimizer } = real;
    tf.tidy(() => {
      if (this.byMinimize && named.every((entry) => gradients.get(entry))) {
        const variables = named.map(({ name }) => real.variables.get(name)!);
        try {
          optimizer.minimize(
            () => withGradients(variables, this.loss, [...gradients.values()] as Float32Array[]),
            false,
            variables,
          );
        } catch (thrown) {
          error = thrown;
        }
        return;
      }
      const list = named.map((entry) => {
        const gradient = gradients.get(entry);
        return { name: entry.name, tensor: gradient ? tf.tensor1d(gradient.slice()) : null };
      });
      const loss = this.lossIsTensor ? tf.scalar(this.loss, 'float32') : this.loss;
      try {
        optimizer.applyGradients(list, { loss });
      } catch (thrown) {
        error = thrown;
      }
    });
    if (!expected) {
      assert.ok(error instanceof Error);
      assert.match(error.message, /none of the \d+ parameters has a gradient/);
    } else if (expected.status === 'taken') {
      assert.equal(error, null);
    } else {
      assert.ok(error instanceof NonFiniteError);
      assert.deepEqual({ ...error.report, engine: null }, { ...expected, engine: null });
    }
    await check(model, real);
  }

  toString(): string {
    const loss = `${this.lossIsTensor ? 'tensor ' : ''}${this.loss}`;
    const way = this.byMinimize ? 'minimize' : 'step';
    return `${way}(${this.named}, ${this.given}, [${this.some.join(', ')}], ${loss})`;
  }
}

/** A loss of this value, whose gradients by the variables are these. */
function withGradients(
  variables: readonly tf.Variable[],
  loss: number,
  gradients: readonly Float32Array[],
): tf.Scalar {
  return tf.customGrad(() => ({
    value: tf.scalar(loss, 'float32'),
    gradFunc: () => gradients.map((gradient) => tf.tensor1d(gradient.slice())),
  }))(...variables);
}

/** Makes the step on the model; null where there is no gradient. */
function expectedStep(
  model: Model,
  { rule, settings, groupSettings, settingsOfStep, initialState }: RuleConfiguration,
  gradients: ReadonlyMap<Entry, Float32Array | null>,
  loss: number,
): StepReport | null {
  const named = [...gradients.keys()];
  if (named.every((entry) => !gradients.get(entry))) return null;
  const copies = new Map(named.map((entry) => [entry, entry.values.slice()]));
  const valuesOf = (entries: readonly Entry[]) => entries.map((entry) => copies.get(entry)!);
  const { maxNorm, maxGradientValue, scalars } = model;
  const common = { rule, maxNorm, maxGradientValue, scalars };
  if (!model.constrained && maxNorm !== Infinity) {
    referenceStep(
      valuesOf(named),
      named.map(() => null),
      [],
      0,
      {
        ...common,
        settings,
        groups: [{ settings, stepNumber: 1 }],
        groupOf: null,
        stepNumber: 1,
      },
    );
  }
  // Those that a step names for the first time come last, in its order.
  const order = [
    ...model.slots.filter((entry) => gradients.has(entry)),
    ...named.filter(({ state }) => state === null),
  ];
  const stateOf = ({ state, values }: Entry) =>
    state?.map((array) => array.slice()) ??
    rule.state.map((array) => values.map(() => initialState?.[array] ?? 0));
  const states = new Map(order.map((entry) => [entry, stateOf(entry)]));
  const rows: Group[] = [];
  const groupOf = order.map((entry) => {
    if (!gradients.get(entry)) return 0;
    const stepNumber = rule.usesStepNumber ? entry.steps + 1 : 1;
    const own = ofGroup.test(entry.name) ? (groupSettings[0] ?? settings) : settings;
    const row = rows.findIndex((each) => each.stepNumber === stepNumber && each.settings === own);
    return row === -1 ? rows.push({ settings: own, stepNumber }) - 1 : row;
  });
  const stepNumber = model.iterations + 1;
  const step = {
    ...common,
    settings: { ...settings, ...settingsOfStep?.(stepNumber) },
    groups: rows,
    groupOf: Int32Array.from(groupOf),
    stepNumber,
  };
  const result = new StepResult();
  const own = order.map((entry) => gradients.get(entry) ?? null);
  const state = order.flatMap((entry) => states.get(entry)!);
  referenceStep(valuesOf(order), own, state, loss, step, result);
  const report = unpackReport(result.words, 'typescript', smallestLossOf(step));
  if (!wasWritten(report)) return report;
  for (const entry of order) {
    entry.values.set(copies.get(entry)!);
    entry.state = states.get(entry)!;
    if (gradients.get(entry)) entry.steps++;
  }
  const unnamed = model.entries.filter((each) => each.state === null);
  model.entries = [...model.slots, ...unnamed];
  model.iterations++;
  model.scalars = result.scalars;
  model.constrained = true;
  return report;
}

/** A gradient of another shape and a loss that is none change nothing. */
class BadStep implements Command {
  constructor(readonly kind: 'shape' | 'loss' | 'name') {}

  check(model: Readonly<Model>): boolean {
    return model.entries.length > 0;
  }

  async run(model: Model, real: Real): Promise<void> {
    const { name, values } = model.entries[0]!;
    const size = values.length + (this.kind === 'shape' ? 1 : 0);
    const gradient = tf.ones([size]);
    const list = [{ name: this.kind === 'name' ? 'fuzz/none' : name, tensor: gradient }];
    const loss = (this.kind === 'loss' ? 'much' : 1) as number;
    assert.throws(() => {
      real.optimizer.applyGradients(list, { loss });
    }, /^(Type|Range)?Error: \w+: /);
    gradient.dispose();
    await check(model, real);
  }

  toString(): string {
    return `badStep(${this.kind})`;
  }
}

class SaveAndLoad implements Command {
  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const { optimizer } = real;
    const weights = await optimizer.getWeights();
    const state = model.slots.flatMap((entry) => entry.state!);
    const saved = weights.slice(weights.length - state.length);
    assert.equal(
      firstDifference(
        await Promise.all(saved.map(({ tensor }) => tensor.data<'float32'>())),
        state,
      ),
      undefined,
    );
    const Class = optimizer.constructor as tf.serialization.SerializableConstructor<Optimizer>;
    const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
    real.optimizer = Class.fromConfig(Class, config);
    await real.optimizer.setWeights(weights);
    tf.dispose(weights.map(({ tensor }) => tensor));
    optimizer.dispose();
    model.constrained = model.iterations > 0;
    await check(model, real);
    // A step that names all of them finds each its state.
    const all = 2 ** model.slots.length - 1;
    if (all > 0) await new Step(all, all, [0.5, -1], 1, false).run(model, real);
  }

  toString(): string {
    return 'saveAndLoad';
  }
}

class DisposeOfVariable implements Command {
  constructor(readonly place: number) {}

  check(model: Readonly<Model>): boolean {
    return model.entries.length > 1;
  }

  async run(model: Model, real: Real): Promise<void> {
    const place = this.place % model.entries.length;
    const [entry] = model.entries.splice(place, 1);
    real.variables.get(entry!.name)!.dispose();
    real.variables.delete(entry!.name);
    // Its slot goes with the next step.
    await new Step(1, 1, [1, 2], 1, true).run(model, real);
  }

  toString(): string {
    return `dispose(${this.place})`;
  }
}

class SwitchBackend implements Command {
  constructor(readonly backend: BackendName) {}

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    await useBackend(this.backend);
    for (const { name, values } of model.entries) {
      const moved = tf.tensor1d(values.slice());
      real.variables.get(name)!.assign(moved);
      moved.dispose();
    }
    await check(model, real);
  }

  toString(): string {
    return `backend(${this.backend})`;
  }
}

const some = fc.array(mildNumbers, { minLength: 1, maxLength: 5 });

const commands = fc.commands(
  [
    fc.tuple(sizes, some).map((given) => new AddVariable(...given)),
    ...Array.from({ length: 4 }, () =>
      fc
        .tuple(
          fc.integer({ min: 0, max: 15 }),
          fc.integer({ min: 0, max: 15 }),
          some,
          fc.oneof(fc.float({ min: 0, max: 4, noNaN: true }), mildNumbers),
          fc.boolean(),
          fc.boolean(),
        )
        .map((given) => new Step(...given)),
    ),
    fc.constantFrom('shape', 'loss', 'name').map((kind) => new BadStep(kind as 'shape')),
    fc.constant(new SaveAndLoad()),
    fc.nat(3).map((place) => new DisposeOfVariable(place)),
    fc.constantFrom('tensorflow', 'cpu').map((backend) => new SwitchBackend(backend as 'cpu')),
  ],
  { maxCommands: 16 },
);

export const lifeCycles = fc.asyncProperty(
  fc.constantFrom(...cases),
  fc.constantFrom(Infinity, 1),
  fc.constantFrom(Infinity, 0.5),
  fc.boolean(),
  commands,
  async ([name, options, own], maxNorm, maxGradientValue, grouped, life) => {
    await useBackend('tensorflow');
    const before = tf.memory().numTensors;
    const bound = (value: number) => (value === Infinity ? null : value);
    const radius = bound(maxNorm);
    const constraint =
      name === 'alig' ? { maxNorm: radius } : { constraint: radius && l2Ball(radius) };
    const groups = own && grouped ? { groups: [{ variables: [ofGroup], ...own }] } : {};
    const given = { ...options, ...constraint, ...groups };
    const optimizer = createOptimizer(name, {
      ...given,
      maxGradientValue: bound(maxGradientValue),
    } as never);
    const real = new Real(optimizer as unknown as Optimizer);
    // A group has to name a variable that is there.
    const named = tf.tidy(() => tf.variable(tf.scalar(0), false, 'fuzz/group'));
    real.variables.set('fuzz/group', named);
    try {
      await fc.asyncModelRun(() => ({ model: new Model(maxNorm, maxGradientValue), real }), life);
    } finally {
      real.optimizer.dispose();
      for (const variable of real.variables.values()) variable.dispose();
    }
    assert.equal(tf.memory().numTensors, before);
  },
);
