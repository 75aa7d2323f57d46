/** State that is saved while training goes on, kept for good, or loaded under other names. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AdaGrad, Adam, AliG, MomoAdam, Sgd } from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';
import { savedToMemory } from '../support/saved-model.js';

/** No progress bar. */
const quiet = { verbose: 0 } as const;

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

function variable(values: readonly number[], name?: string): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d([...values]), true, name));
}

type Weights = Awaited<ReturnType<AliG['getWeights']>>;

const valuesOf = (weights: Weights) => weights.map(({ tensor }) => [...tensor.dataSync()]);

for (const backend of backendNames) {
  for (const make of [() => new AliG({ maxLearningRate: 0.01 }), () => new MomoAdam()]) {
    const name = make().getClassName();
    test.serial(
      `${name}: steps beside getWeights do not reach what it gives (${backend})`,
      async (t) => {
        await useBackend(backend);
        const variables = [1, 2, 3, 4].map((value) => variable([value, 1]));
        const optimizer = make();
        const step = () =>
          optimizer.minimize(
            () => tf.addN(variables.map((each) => each.square().sum())).asScalar(),
            false,
            variables,
          );
        for (let i = 0; i < 3; i++) step();
        const moment = valuesOf(await optimizer.getWeights());
        const saving = optimizer.getWeights();
        for (let i = 0; i < 3; i++) {
          step();
          await Promise.resolve();
        }
        t.deepEqual(valuesOf(await saving), moment);
        t.notDeepEqual(valuesOf(await optimizer.getWeights()), moment);
        const last = optimizer.getWeights();
        optimizer.dispose();
        t.is((await last)[0]!.tensor.dataSync()[0], 6);
      },
    );
  }

  test.serial(`300 saves with a model hold no memory (${backend})`, async (t) => {
    await useBackend(backend);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 40, inputShape: [40] })] });
    const optimizer = new Adam();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await model.fit(tf.ones([2, 40]), tf.ones([2, 40]), { epochs: 1, ...quiet });
    await savedToMemory(model);
    const before = tf.memory();
    for (let i = 0; i < 300; i++) await savedToMemory(model);
    t.is(tf.memory().numTensors, before.numTensors);
    t.is(tf.memory().numBytes, before.numBytes);
  });

  test.serial(`a weight of getWeights is a tensor like any other (${backend})`, async (t) => {
    await useBackend(backend);
    const each = variable([3, 4]);
    const optimizer = new Sgd({ learningRate: 0.5, momentum: 0.9 });
    optimizer.applyGradients({ [each.name]: tf.tensor1d([1, 2]) });
    const [, , velocity] = await optimizer.getWeights();
    const { tensor } = velocity!;
    const before = tf.memory().numTensors;
    const doubled = tf.tidy(() => tf.mul(tensor, 2));
    t.deepEqual([...doubled.dataSync()], [2, 4]);
    t.deepEqual(await tensor.array(), [1, 2]);
    const sumOfSquares = (x: tf.Tensor) => tf.sum(tf.square(x)).asScalar();
    const gradient = tf.grad(sumOfSquares)(tensor);
    t.deepEqual([...gradient.dataSync()], [2, 4]);
    tensor.dispose();
    t.throws(() => tensor.dataSync(), { message: /disposed/ });
    t.throws(
      () => {
        tf.mul(tensor, 2);
      },
      { message: /disposed/ },
    );
    t.is(tf.memory().numTensors, before + 2, 'the results of the two ops');
  });
}

/** Velocities by the place of the variable, after one step with gradients 1, 2, 3, ... */
async function velocitiesAfter(given: Weights, variables: tf.Variable[]): Promise<number[]> {
  const optimizer = new Sgd({ learningRate: 0, momentum: 0.5 });
  await optimizer.setWeights(given);
  optimizer.applyGradients(variables.map(({ name, shape }) => ({ name, tensor: tf.zeros(shape) })));
  const weights = await optimizer.getWeights();
  const valueOf = ({ name }: tf.Variable) =>
    weights.find((weight) => weight.name.startsWith(`${name}/`))!.tensor.dataSync()[0]!;
  optimizer.dispose();
  return variables.map(valueOf);
}

async function savedFor(variables: tf.Variable[]): Promise<Weights> {
  const optimizer = new Sgd({ learningRate: 0, momentum: 0.5 });
  optimizer.applyGradients(
    variables.map(({ name, shape }, i) => ({ name, tensor: tf.fill(shape, i + 1) })),
  );
  const weights = await optimizer.getWeights();
  optimizer.dispose();
  return weights;
}

/** As a session that makes its variables in another order finds them. */
function renamed(weights: Weights, names: Record<string, string>): Weights {
  return weights.map(({ name, tensor }) => {
    const [, variableName, array] = /^(.*)\/(\w+)$/.exec(name) ?? [];
    const other = variableName === undefined ? undefined : names[variableName];
    return { name: other === undefined ? name : `${other}/${array!}`, tensor };
  });
}

test.serial('names that tfjs made up identify nothing: order and shape do', async (t) => {
  const [a, b, c] = [variable([1, 1]), variable([2, 2]), variable([3, 3, 3])];
  const weights = await savedFor([a, b, c]);
  const exchanged = renamed(weights, { [a.name]: b.name, [b.name]: a.name });
  t.deepEqual(await velocitiesAfter(exchanged, [a, b, c]), [0.5, 1, 1.5]);
  // The others are frozen; one alone has this shape.
  t.deepEqual(await velocitiesAfter(exchanged, [c]), [1.5]);
  t.deepEqual(await velocitiesAfter(exchanged, [b, c].reverse().slice(0, 1)), [1.5]);
  await t.throwsAsync(velocitiesAfter(exchanged, [b]), {
    instanceOf: RangeError,
    message: new RegExp(
      `that of 3 variables, .* 1 variables, and more than one .* '${b.name}'.*name the`,
    ),
  });
  await t.throwsAsync(velocitiesAfter(exchanged, [variable([1])]), {
    instanceOf: RangeError,
    message: /that of 3 variables, .* belongs to another model/,
  });
});

test.serial('names that somebody gave find theirs in any order', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => variable([1, 1], `given/${name}`)) as [
    tf.Variable,
    tf.Variable,
    tf.Variable,
  ];
  const weights = await savedFor([a, b, c]);
  t.deepEqual(await velocitiesAfter(weights, [c, a]), [1.5, 0.5]);
  t.deepEqual(await velocitiesAfter(weights, [b]), [1]);
});

test.serial(
  'layers without names: order and shape, also where they are made in another order',
  async (t) => {
    const names = [
      'dense_Dense7/kernel',
      'conv2d_Conv2D12/kernel',
      'bidirectional_Bidirectional1/x',
    ];
    const [a, b, c] = names.map((name) => variable([1, 1], name)) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const weights = await savedFor([a, b, c]);
    t.deepEqual(await velocitiesAfter(weights, [b, c, a]), [0.5, 1, 1.5]);
    await t.throwsAsync(velocitiesAfter(weights, [b, a]), {
      message: /more than one of the saved/,
    });
  },
);

test.serial('what waits keeps its place when it is saved again', async (t) => {
  const [a, b, c] = [variable([1, 1]), variable([2]), variable([3, 3])];
  const weights = await savedFor([a, b, c]);
  const optimizer = new Sgd({ learningRate: 0, momentum: 0.5 });
  await optimizer.setWeights(weights);
  optimizer.applyGradients({ [b.name]: tf.zeros([1]) });
  const again = await optimizer.getWeights();
  t.deepEqual(await velocitiesAfter(again, [a, b, c]), [0.5, 0.5, 1.5]);
  // And is found when the layers are thawed.
  optimizer.applyGradients([a, b, c].map(({ name, shape }) => ({ name, tensor: tf.zeros(shape) })));
  t.deepEqual(valuesOf(await optimizer.getWeights()).slice(2), [[0.5, 0.5], [0.5], [1.5, 1.5]]);
});

test.serial('a loaded model may freeze layers before its first step', async (t) => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [3], activation: 'tanh' }),
      tf.layers.dense({ units: 2 }),
    ],
  });
  model.compile({ optimizer: new AliG({ maxLearningRate: 0.1 }), loss: 'meanSquaredError' });
  const [inputs, targets] = [tf.ones([4, 3]), tf.zeros([4, 2])];
  await model.fit(inputs, targets, { epochs: 2, ...quiet });
  const loaded = await tf.loadLayersModel(await savedToMemory(model));
  loaded.layers[0]!.trainable = false;
  loaded.compile({ optimizer: loaded.optimizer, loss: 'meanSquaredError' });
  await loaded.fit(inputs, targets, { epochs: 1, ...quiet });
  t.is(loaded.optimizer.iterations, 3);
  loaded.layers[0]!.trainable = true;
  loaded.compile({ optimizer: loaded.optimizer, loss: 'meanSquaredError' });
  await t.notThrowsAsync(loaded.fit(inputs, targets, { epochs: 1, ...quiet }));
});

const takeovers: [string, () => tf.Optimizer, () => Sgd | Adam | AdaGrad][] = [
  ['adam', () => tf.train.adam(0.1), () => new Adam({ learningRate: 0.1, epsilon: 1e-7 })],
  [
    'momentum',
    () => tf.train.momentum(0.1, 0.5),
    () => new Sgd({ learningRate: 0.1, momentum: 0.5 }),
  ],
  ['adagrad', () => tf.train.adagrad(0.1), () => new AdaGrad({ learningRate: 0.1, epsilon: 0 })],
];

for (const [name, theirs, ours] of takeovers) {
  test.serial(`the state of tf.train.${name} is taken over`, async (t) => {
    const run = async (takesOver: boolean) => {
      const variables = [variable([1, -2]), variable([3, 0.5])];
      const step = (optimizer: Pick<tf.Optimizer, 'minimize'>) => {
        optimizer.minimize(
          () => tf.addN(variables.map((each) => tf.sum(tf.square(each)))).asScalar(),
          false,
          variables,
        );
      };
      const first = theirs();
      for (let i = 0; i < 5; i++) step(first);
      const second = ours();
      if (takesOver) await second.setWeights(await first.getWeights());
      for (let i = 0; i < 5; i++) step(takesOver ? second : first);
      if (takesOver) t.is(second.iterations, 10);
      return variables.flatMap((each) => [...each.dataSync()]);
    };
    const expected = await run(false);
    (await run(true)).forEach((value, i) => {
      t.true(Math.abs(value - expected[i]!) < 1e-5, `${value}, ${expected[i]!}`);
    });
  });
}
