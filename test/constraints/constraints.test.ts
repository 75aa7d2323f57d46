/** Every kind of constraint, on every backend. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import {
  AliG,
  box,
  l2Ball,
  nonNegative,
  none,
  NonFiniteError,
  simplex,
  type Constraint,
} from '../../lib/index.js';
import { backendNames, engineOf, useBackend } from '../support/backends.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** The projection on the simplex in double: bisection for theta. */
function onSimplex(values: readonly number[]): number[] {
  let [low, high] = [Math.min(...values) - 1, Math.max(...values)];
  for (let i = 0; i < 200; i++) {
    const theta = (low + high) / 2;
    const sum = values.reduce((total, value) => total + Math.max(value - theta, 0), 0);
    if (sum > 1) low = theta;
    else high = theta;
  }
  return values.map((value) => Math.max(value - high, 0));
}

interface Row {
  readonly name: string;
  readonly constraint: Constraint | null;
  /** The projection of the whole of one variable. */
  readonly project: (values: readonly number[]) => number[];
}

const rows: Row[] = [
  { name: 'null', constraint: null, project: (values) => [...values] },
  { name: 'none', constraint: none, project: (values) => [...values] },
  {
    name: 'box',
    constraint: box(-0.5, 0.75),
    project: (values) => values.map((value) => Math.min(Math.max(value, -0.5), 0.75)),
  },
  {
    name: 'box without upper bound',
    constraint: box(0.25, null),
    project: (values) => values.map((value) => Math.max(value, 0.25)),
  },
  {
    name: 'box without lower bound',
    constraint: box(null, 0.25),
    project: (values) => values.map((value) => Math.min(value, 0.25)),
  },
  {
    name: 'nonNegative',
    constraint: nonNegative,
    project: (values) => values.map((value) => Math.max(value, 0)),
  },
  { name: 'simplex', constraint: simplex, project: onSimplex },
  {
    name: 'a function',
    constraint: (variables) => {
      for (const variable of variables) variable.assign(tf.maximum(variable, 0.125));
    },
    project: (values) => values.map((value) => Math.max(value, 0.125)),
  },
];

function variable(values: readonly number[], shape: number[] = [values.length]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor([...values], shape)));
}

function assertClose(
  t: ExecutionContext,
  found: tf.Tensor,
  expected: readonly number[],
  message: string,
) {
  const values = [...found.dataSync()];
  t.is(values.length, expected.length);
  values.forEach((value, i) => {
    t.true(
      Math.abs(value - expected[i]!) < 1e-6,
      `${message}: ${String(values)}, ${String(expected)}`,
    );
  });
}

/** What can't be written in a row: moves of one step. */
const loss = 1;
const start = [0.9, -0.7, 0.1, 1.5, -0.2, 0.3];
const gradient = [1, -2, 0.5, -1, 0.25, 2];
const other = [0.4, -0.6];

for (const backend of backendNames) {
  for (const { name, constraint, project } of rows) {
    test.serial(`${name} holds before and after each step (${backend})`, async (t) => {
      await useBackend(backend);
      const [first, second, empty] = [variable(start, [2, 3]), variable(other), variable([])];
      const optimizer = new AliG({ maxLearningRate: 0.25, momentum: 0, epsilon: 0, constraint });
      const gradients = [
        { name: first.name, tensor: tf.tensor(gradient, [2, 3]) },
        // Without gradient a variable is constrained all the same.
        { name: second.name, tensor: null },
        { name: empty.name, tensor: null },
      ];
      let expected = project(start);
      let moved = false;
      const step = () => {
        optimizer.applyGradients(gradients, { loss });
        const size = optimizer.lastStep!.stepSize;
        const stepped = expected.map((value, i) => value - size * gradient[i]!);
        expected = project(stepped);
        moved = expected.some((value, i) => Math.abs(value - stepped[i]!) > 1e-6);
        assertClose(t, first, expected, 'with gradient');
        assertClose(t, second, project(other), 'without gradient');
      };
      step();
      t.is(optimizer.lastStep!.engine, engineOf[backend]);
      t.is(optimizer.lastStep!.projected, moved);
      const tensors = tensorCount();
      for (let i = 0; i < 3; i++) step();
      t.is(tensorCount(), tensors);
      t.is(optimizer.iterations, 4);
      optimizer.dispose();
      tf.dispose([first, second, empty, ...gradients.flatMap(({ tensor }) => tensor ?? [])]);
    });
  }

  test.serial(`a refused step leaves the variables alone (${backend})`, async (t) => {
    await useBackend(backend);
    for (const { name, constraint } of rows) {
      for (const stepped of [false, true]) {
        const first = variable(start);
        const optimizer = new AliG({ maxLearningRate: 0.25, constraint });
        const good = tf.tensor1d(gradient);
        const bad = tf.tensor1d([1, NaN, 0, 0, 0, 0]);
        if (stepped) optimizer.applyGradients({ [first.name]: good }, { loss });
        const before = [...first.dataSync()];
        const tensors = tensorCount();
        t.throws(
          () => {
            optimizer.applyGradients({ [first.name]: bad }, { loss });
          },
          { instanceOf: NonFiniteError },
          name,
        );
        t.deepEqual([...first.dataSync()], before, name);
        t.is(tensorCount(), tensors);
        optimizer.dispose();
        tf.dispose([first, good, bad]);
      }
    }
  });

  test.serial(`the projection on the simplex is the nearest point (${backend})`, async (t) => {
    await useBackend(backend);
    const random = new SeededRandom(11);
    for (const size of [1, 2, 7, 1000]) {
      for (const scale of [1e-3, 1, 1e4]) {
        const values = [...random.normals(size)].map((value) => Math.fround(scale * value));
        const first = variable(values);
        const zeros = tf.zeros([size]);
        const optimizer = new AliG({ maxLearningRate: 1, momentum: 0, constraint: simplex });
        optimizer.applyGradients({ [first.name]: zeros }, { loss });
        assertClose(t, first, onSimplex(values), `${size} of ${scale}`);
        const sum = [...first.dataSync()].reduce((total, value) => total + value, 0);
        t.true(Math.abs(sum - 1) < 1e-5, `sum ${sum}`);
        optimizer.dispose();
        tf.dispose([first, zeros]);
      }
    }
  });
}

test.serial('minimize calls its function once, at the projected parameters of its list', (t) => {
  for (const varListGiven of [true, false]) {
    const first = variable([3, -4]);
    const optimizer = new AliG({
      maxLearningRate: 0.25,
      momentum: 0,
      epsilon: 0,
      constraint: box(-1, 1),
    });
    let calls = 0;
    const f = () => {
      calls++;
      return tf.sum(tf.square(first)).asScalar();
    };
    optimizer.minimize(f, false, varListGiven ? [first] : undefined);
    t.is(calls, 1);
    t.is(optimizer.lastStep!.loss, varListGiven ? 2 : 25);
    assertClose(t, first, varListGiven ? [0.5, -0.5] : [1, -1], 'stepped');
    optimizer.dispose();
    first.dispose();
  }
});

test.serial('constraints survive saving', (t) => {
  for (const constraint of [null, none, l2Ball(2), box(-1, null), nonNegative, simplex]) {
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint });
    const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
    const loaded = AliG.fromConfig<AliG>(AliG, config);
    t.deepEqual(loaded.constraint, constraint);
    t.notRegex(JSON.stringify(config['constraint']), /_/);
    optimizer.dispose();
    loaded.dispose();
  }
});

test.serial('a loaded optimiser asks for the function that was its constraint', (t) => {
  const first = variable([3, -4]);
  const seen: string[][] = [];
  const constraint = (variables: readonly tf.Variable[]) => {
    seen.push(variables.map(({ name }) => name));
  };
  const optimizer = new AliG({ maxLearningRate: 0.1, constraint });
  const f = () => tf.sum(tf.square(first)).asScalar();
  optimizer.minimize(f, false, [first]);
  t.deepEqual(seen, [[first.name], [first.name]]);
  const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as tf.serialization.ConfigDict;
  const loaded = AliG.fromConfig<AliG>(AliG, config);
  const before = [...first.dataSync()];
  const message = /AliG: the constraint of this optimiser was a function.*optimizer\.constraint = /;
  t.throws(() => loaded.minimize(f, false, [first]), { message });
  const two = tf.tensor1d([1, 1]);
  t.throws(
    () => {
      loaded.applyGradients({ [first.name]: two }, { loss });
    },
    { message },
  );
  t.deepEqual([...first.dataSync()], before);
  t.deepEqual(loaded.getConfig(), optimizer.getConfig());
  loaded.constraint = constraint;
  loaded.minimize(f, false, [first]);
  t.is(seen.length, 4);
  optimizer.dispose();
  loaded.dispose();
  tf.dispose([first, two]);
});

test.serial('another constraint applies before the next step', (t) => {
  const first = variable([3, -4]);
  const optimizer = new AliG({ maxLearningRate: 0.25, momentum: 0, epsilon: 0 });
  const f = () => tf.sum(tf.square(first)).asScalar();
  optimizer.minimize(f, false, [first]);
  t.throws(
    () => {
      optimizer.constraint = 5 as never;
    },
    { instanceOf: TypeError, message: /constraint must be/ },
  );
  optimizer.constraint = box(-1, 1);
  optimizer.minimize(f, false, [first]);
  t.is(optimizer.lastStep!.loss, 2);
  optimizer.dispose();
  first.dispose();
});

test.serial('what a function throws comes out of the step, which has been made', (t) => {
  const first = variable([3, -4]);
  let calls = 0;
  const optimizer = new AliG({
    maxLearningRate: 0.25,
    momentum: 0,
    epsilon: 0,
    constraint: () => {
      if (++calls === 2) throw new Error('not this time');
    },
  });
  const f = () => tf.sum(tf.square(first)).asScalar();
  t.throws(() => optimizer.minimize(f, false, [first]), { message: 'not this time' });
  assertClose(t, first, [1.5, -2], 'stepped');
  t.is(optimizer.iterations, 1);
  optimizer.dispose();
  first.dispose();
});

test('box: bounds that are none are refused', (t) => {
  for (const [lower, upper, message] of [
    [NaN, 1, /^box: lower must be a finite number, or null for no lower bound, not NaN\.$/],
    [0, Infinity, /^box: upper must be a finite number, or null for no upper bound, not Infinity/],
    ['0', 1, /^box: lower must be .* not '0'/],
    [2, 1, /^box: lower must not be greater than upper, 1, but is 2\.$/],
    [undefined, 1, /^box: lower must be .* not undefined/],
  ] as const) {
    t.throws(() => box(lower as never, upper), { instanceOf: RangeError, message });
  }
});
