/** Saved weights and configurations that are damaged: named errors, and nothing half done. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { Adam, AliG, L4Mom } from '../../lib/index.js';
import { tensorCount } from '../support/tensor-count.js';

type Weights = { name: string; tensor: tf.Tensor }[];

function stepOf(optimizer: Adam | AliG | L4Mom, variable: tf.Variable): void {
  tf.tidy(() => {
    optimizer.applyGradients({ [variable.name]: tf.ones(variable.shape) }, { loss: 1 });
  });
}

function replaced(weights: Weights, name: string, tensor: unknown): Weights {
  return weights.map((each) => (each.name === name ? { name, tensor: tensor as tf.Tensor } : each));
}

test.serial('numbers of steps and scalars that cannot be are refused', async (t) => {
  const variable = tf.tidy(() => tf.variable(tf.ones([8]), true, 'damaged'));
  const adam = new Adam({ learningRate: 0.1 });
  const l4 = new L4Mom({});
  for (const optimizer of [adam, l4]) stepOf(optimizer, variable);
  const values = variable.dataSync().slice();
  const wrong = [NaN, -7, 2.5, 1e12, Infinity, 2 ** 31 - 1];
  const rows: [Adam | L4Mom, string, tf.Tensor, RegExp][] = [
    ...wrong.map((count): (typeof rows)[number] => [
      adam,
      'iter',
      tf.scalar(count, 'float32'),
      /^Adam: setWeights: iter must hold numbers of steps, whole numbers from 0 to 2147483646, not /,
    ]),
    ...wrong.map((count): (typeof rows)[number] => [
      adam,
      'steps',
      tf.tensor1d([count], 'float32'),
      /^Adam: setWeights: steps must hold numbers of steps/,
    ]),
    [
      l4,
      'scalars',
      tf.tensor1d([0, 0x7ff00000], 'int32'),
      /L4Mom: setWeights: scalars must hold finite .*Infinity as/,
    ],
    [
      l4,
      'scalars',
      tf.tensor1d([0, 1], 'float32'),
      /scalars must hold finite doubles .* not float32/,
    ],
    [adam, 'iter', tf.tensor1d([]), /^Adam: setWeights takes what getWeights gave/],
    [adam, 'damaged/firstMoment', tf.ones([7]), /saved firstMoment 0 .*has shape \[7\]/],
  ];
  for (const [optimizer, name, tensor, message] of rows) {
    const weights = await optimizer.getWeights();
    const tensors = tensorCount();
    await t.throwsAsync(optimizer.setWeights(replaced(weights, name, tensor)), {
      instanceOf: RangeError,
      message,
    });
    t.is(tensorCount(), tensors);
    t.is(optimizer.iterations, 1);
    t.deepEqual(
      (await optimizer.getWeights()).map((each) => [...each.tensor.dataSync()]),
      weights.map((each) => [...each.tensor.dataSync()]),
    );
    tensor.dispose();
  }
  t.deepEqual(variable.dataSync(), values);
  adam.dispose();
  l4.dispose();
  variable.dispose();
});

test.serial('weights that are no weights are named', async (t) => {
  const adam = new Adam({ learningRate: 0.1 });
  const good = await adam.getWeights();
  const rows: [unknown, RegExp][] = [
    [null, /setWeights takes a list of \{name, tensor\}.* not null/],
    ['iter', /setWeights takes a list .* not 'iter'/],
    [[null], /weight 0 is no \{name, tensor\} but null/],
    [[...good, { name: 'a' }], /weight 2 is no \{name, tensor\} but has the tensor undefined/],
    [[{ name: 3, tensor: good[0]!.tensor }], /weight 0 is no \{name, tensor\} but an object/],
    [[{ name: 'iter', tensor: [1] }], /weight 0 .* has the tensor an array/],
  ];
  for (const [weights, message] of rows) {
    await t.throwsAsync(adam.setWeights(weights as Weights), { instanceOf: TypeError, message });
  }
  const gone = tf.scalar(1);
  gone.dispose();
  await t.throwsAsync(adam.setWeights(replaced(good, 'iter', gone)), {
    message: /weight iter is disposed/,
  });
  await adam.setWeights(good);
  adam.dispose();
});

test.serial('a pending setWeights does not revive a disposed optimiser', async (t) => {
  const variable = tf.tidy(() => tf.variable(tf.ones([8])));
  const before = tensorCount();
  const adam = new Adam({ learningRate: 0.1 });
  stepOf(adam, variable);
  const weights = await adam.getWeights();
  for (let waits = 0; waits < 6; waits++) {
    const other = new Adam({ learningRate: 0.1 });
    const pending = other.setWeights(weights).then(
      () => 'taken',
      (error: unknown) => String(error),
    );
    for (let i = 0; i < waits; i++) await Promise.resolve();
    other.dispose();
    t.regex(await pending, /^taken$|this optimiser is disposed/);
  }
  adam.dispose();
  t.is(tensorCount(), before);
  variable.dispose();
});

const codes = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

interface SavedConfig {
  variables: { name: number[]; shape: number[] }[];
  groups: {
    indices: number[];
    references: Record<string, number[]>[];
    settings: Record<string, unknown>;
  }[];
}

function savedConfig(): SavedConfig {
  return {
    variables: [
      { name: codes('a/kernel'), shape: [2, 3] },
      { name: codes('a/bias'), shape: [3] },
    ],
    groups: [
      {
        indices: [1],
        references: [{ text: codes('a/bias') }, { source: codes('bias$'), flags: [] }],
        settings: { maxLearningRate: 0.01 },
      },
      { indices: [0], references: [{ text: codes('a/kernel') }], settings: {} },
    ],
  };
}

function loaded(groups: unknown): AliG {
  return AliG.fromConfig<AliG>(AliG, {
    maxLearningRate: 0.1,
    groups,
  } as tf.serialization.ConfigDict);
}

test.serial('each malformed field of saved groups is named', (t) => {
  t.notThrows(() => loaded(savedConfig()));
  const rows: [(config: SavedConfig) => unknown, RegExp][] = [
    [
      (c) => (c.variables = null as never),
      /saved groups: variables must be a list of variables, not null/,
    ],
    [(c) => (c.groups = 'x' as never), /saved groups: groups must be a list of groups, not 'x'/],
    [(c) => (c.groups[0] = null as never), /groups\[0\] must be an object \{indices.* not null/],
    [
      (c) => delete (c.groups[0] as Partial<SavedConfig['groups'][0]>).indices,
      /groups\[0\]\.indices must be a list .* not undefined/,
    ],
    [
      (c) => (c.groups[0]!.indices = [1.5]),
      /groups\[0\]\.indices\[0\] must be the place .* not 1\.5/,
    ],
    [(c) => (c.groups[0]!.indices = [-1]), /groups\[0\]\.indices\[0\] must be .* not -1/],
    [(c) => (c.groups[0]!.indices = [NaN]), /groups\[0\]\.indices\[0\] must be .* not NaN/],
    [
      (c) => (c.groups[0]!.indices = [2]),
      /groups\[0\]\.indices\[0\] must be the place of one of 2 variables, not 2/,
    ],
    [
      (c) => (c.groups[1]!.indices = [1]),
      /groups\[1\]\.indices\[0\] must be a variable of this group alone, and 1 is in groups\[0\]/,
    ],
    [
      (c) => (c.groups[0]!.references = {} as never),
      /groups\[0\]\.references must be a list of references/,
    ],
    [
      (c) => (c.groups[0]!.references[0] = {}),
      /references\[0\] must be \{text\} or \{source, flags\}/,
    ],
    [(c) => (c.groups[0]!.references[0] = { text: [70000] }), /references\[0\]/],
    [
      (c) => (c.groups[0]!.references[1] = { source: codes('('), flags: [] }),
      /groups\[0\]: variables\[1\] is the regular expression \/\(\/,/,
    ],
    [
      (c) => (c.groups[0]!.references[1] = { source: codes('(a)\\1'), flags: [] }),
      /cannot be run in a time that is bounded/,
    ],
    [
      (c) => (c.groups[0]!.references[1] = { source: codes('a'.repeat(1001)), flags: [] }),
      /has 1001 letters, and may have 1000/,
    ],
    [(c) => (c.groups[0]!.settings = { lowerBound: 1 }), /groups\[0\] has no option 'lowerBound'/],
    [
      (c) => (c.groups[0]!.settings = { maxLearningRate: '1' }),
      /groups\[0\]\.settings\.maxLearningRate must be a finite number or null, not '1'/,
    ],
    [
      (c) => (c.groups[0]!.settings = { maxLearningRate: -1 }),
      /groups\[0\]: maxLearningRate must be .* not -1/,
    ],
    [(c) => (c.variables[0]!.name = [0.5]), /variables\[0\]\.name\[0\] must be a UTF-16 code unit/],
    [(c) => (c.variables[0]!.shape = [-2]), /variables\[0\]\.shape\[0\] must be a length/],
    [
      (c) => Object.assign(c.variables[0]!, { more: 1 }),
      /variables\[0\] must be an object \{name, shape\} and nothing else/,
    ],
    [
      (c) => Object.assign(c, { more: 1 }),
      /groups must be an object \{variables, groups\} and nothing else/,
    ],
  ];
  for (const [damage, message] of rows) {
    const config = savedConfig();
    damage(config);
    t.throws(() => loaded(config), { message }, String(message));
  }
  // More codes than a call may have arguments.
  const long = savedConfig();
  long.variables[0]!.name = new Array<number>(1e6).fill(97);
  t.notThrows(() => loaded(long));
});

test.serial('no pattern of a saved model can hang a training', (t) => {
  const variable = tf.tidy(() => tf.variable(tf.ones([3]), true, `${'a'.repeat(60)}!`));
  for (const source of ['(a+)+$', '(a|aa)+$', '(a|a)*b', '(.*)*x', '([a-z]+)*\\d']) {
    const config = savedConfig();
    config.variables = [];
    config.groups = [
      { indices: [], references: [{ source: codes(source), flags: codes('i') }], settings: {} },
    ];
    const optimizer = loaded(config);
    const begin = performance.now();
    t.throws(
      () => {
        stepOf(optimizer, variable);
      },
      { message: /but there is no such variable/ },
    );
    // JavaScript's own engine would need 2^60 steps.
    t.true(performance.now() - begin < 10_000);
    optimizer.dispose();
  }
  variable.dispose();
});

test.serial('a pattern that RE2 has not is refused where the group is made', (t) => {
  for (const pattern of [/^(?!.*bias)/, /(?<=a)b/, /(a)\1/]) {
    t.throws(() => new AliG({ maxLearningRate: 0.1, groups: [{ variables: [pattern] }] }), {
      instanceOf: TypeError,
      message: /variables\[0\] is the regular expression .* without lookahead/,
    });
  }
});
