import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { io } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, createOptimizer, l2Ball, NonFiniteError } from '../../lib/index.js';
import { backendNames, engineOf, useBackend, type BackendName } from '../support/backends.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import { tensorCount, tensorsAdded } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar. */
const quiet = { verbose: 0 } as const;

function report(optimizer: AliG) {
  const { lastStep } = optimizer;
  if (!lastStep) throw new Error('no step was made');
  return lastStep;
}

function valuesOf(tensors: readonly tf.Tensor[]): number[][] {
  return tensors.map((tensor) => [...tensor.dataSync()]);
}

function newVariable(...values: number[]): tf.Variable {
  const initial = tf.tensor1d(values);
  const variable = tf.variable(initial);
  initial.dispose();
  return variable;
}

/** f(a, b) = (|a|^2 + |b|^2) / 2, whose gradient is the variables themselves. */
function halfSquares(...variables: tf.Variable[]): () => tf.Scalar {
  return () =>
    tf
      .addN(variables.map((variable) => variable.square().sum()))
      .mul(0.5)
      .asScalar();
}

const float32 = Math.fround;

for (const backend of backendNames) {
  test.serial(`minimize steps as the formula says and adds no tensors (${backend})`, async (t) => {
    await useBackend(backend);
    const before = tensorCount();
    const [first, second] = [newVariable(3, 0), newVariable(0, 4)];
    const optimizer = new AliG({ maxLearningRate: 0.25, momentum: 0.5, epsilon: 0 });
    t.is(optimizer.lastStep, null);
    t.is(optimizer.minimize(halfSquares(first, second)), null);
    // loss 12.5, |g| 5: unclipped 0.5, used 0.25; v = -w / 4; w = w - w / 4 - w / 8
    t.deepEqual(valuesOf([first, second]), [
      [1.875, 0],
      [0, 2.5],
    ]);
    t.deepEqual(
      { ...report(optimizer) },
      {
        loss: 12.5,
        stepSize: 0.25,
        unclippedStepSize: 0.5,
        gradientNorm: 5,
        parameterNorm: 3.125,
        clipped: true,
        projected: false,
        belowLowerBound: false,
        status: 'taken',
        engine: engineOf[backend],
      },
    );
    t.is(tensorCount(), before + 4, 'two variables and their velocities');
    for (let i = 0; i < 5; i++) {
      const added = tensorsAdded(() => {
        optimizer.minimize(halfSquares(first, second));
      });
      t.is(added, 0);
    }
    t.is(optimizer.iterations, 6);
    optimizer.dispose();
    t.is(tensorCount(), before + 2);
    tf.dispose([first, second]);
    t.is(tensorCount(), before);
  });

  test.serial(`minimize returns the cost before the step when asked (${backend})`, async (t) => {
    await useBackend(backend);
    const variable = newVariable(2);
    const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0 });
    const before = tensorCount();
    const cost = optimizer.minimize(halfSquares(variable), true);
    t.is(tensorCount(), before + 1);
    t.is(cost?.dataSync()[0], 2);
    t.is(report(optimizer).loss, 2);
    cost?.dispose();
    variable.dispose();
  });

  test.serial(`minimize changes the variables of its list alone (${backend})`, async (t) => {
    await useBackend(backend);
    const [listed, other] = [newVariable(3), newVariable(4)];
    const optimizer = new AliG({ maxLearningRate: 0.5, momentum: 0 });
    const added = tensorsAdded(() => {
      optimizer.minimize(halfSquares(listed, other), false, [listed]);
    });
    t.is(added, 0);
    t.deepEqual(valuesOf([listed, other]), [[1.5], [4]]);
    t.is(report(optimizer).gradientNorm, 3);
    t.is(report(optimizer).loss, 12.5);
    tf.dispose([listed, other]);
  });

  test.serial(`a variable that was disposed of gives up its velocity (${backend})`, async (t) => {
    await useBackend(backend);
    const before = tensorCount();
    const kept = newVariable(3, 4);
    const optimizer = new AliG({ maxLearningRate: 0.25 });
    for (let size = 1; size <= 3; size++) {
      const initial = tf.ones([size]);
      // One name for all, which tfjs allows where the former variable is gone.
      const passing = tf.variable(initial, true, `passing ${backend}`);
      initial.dispose();
      optimizer.minimize(halfSquares(kept, passing), false, [kept, passing]);
      optimizer.minimize(halfSquares(kept, passing), false, [kept, passing]);
      passing.dispose();
    }
    optimizer.minimize(halfSquares(kept), false, [kept]);
    t.is(report(optimizer).engine, engineOf[backend]);
    t.is(tensorCount(), before + 2, 'the variable that is left and its velocity');
    optimizer.dispose();
    kept.dispose();
    t.is(tensorCount(), before);
  });

  test.serial(`minimize works inside tf.tidy (${backend})`, async (t) => {
    await useBackend(backend);
    const plain = newVariable(3, 4);
    const tidied = newVariable(3, 4);
    const options = { maxLearningRate: 0.01, constraint: l2Ball(4) };
    const optimizer = new AliG(options);
    const tidiedOptimizer = new AliG(options);
    for (let i = 0; i < 4; i++) {
      optimizer.minimize(halfSquares(plain), false, [plain]);
      const added = tensorsAdded(() => {
        tf.tidy(() => {
          tidiedOptimizer.minimize(halfSquares(tidied), true, [tidied]);
        });
      });
      t.is(added, i === 0 ? 1 : 0, 'the velocity outlives the tidy of the first step');
    }
    t.deepEqual(valuesOf([tidied]), valuesOf([plain]));
    t.deepEqual({ ...report(tidiedOptimizer) }, { ...report(optimizer) });
    optimizer.dispose();
    tidiedOptimizer.dispose();
    tf.dispose([plain, tidied]);
  });

  test.serial(
    `a hand-written loop equals minimize, with a map and a list (${backend})`,
    async (t) => {
      await useBackend(backend);
      const options = { maxLearningRate: 0.1, constraint: l2Ball(4.5) };
      const results = (['minimize', 'map', 'list', 'number'] as const).map((way) => {
        const variables = [newVariable(3, 0), newVariable(0, 4)] as const;
        const optimizer = new AliG(options);
        const loss = halfSquares(...variables);
        // The first step of minimize projects before it computes gradients; do so here as well.
        for (let i = 0; i < 4; i++) {
          if (way === 'minimize') {
            optimizer.minimize(loss, false, [...variables]);
            continue;
          }
          if (i === 0) {
            for (const variable of variables) {
              variable.assign(tf.tidy(() => variable.mul(float32(4.5 / 5))));
            }
          }
          const { value, grads } = optimizer.computeGradients(loss, [...variables]);
          const added = tensorsAdded(() => {
            if (way === 'list') {
              optimizer.applyGradients(
                variables.map(({ name }) => ({ name, tensor: grads[name] })),
                { loss: value },
              );
            } else {
              optimizer.applyGradients(grads, {
                loss: way === 'number' ? value.dataSync()[0]! : value,
              });
            }
          });
          t.is(added, i === 0 ? 2 : 0, `${way}, step ${i}`);
          tf.dispose([value, grads]);
        }
        const result = { values: valuesOf(variables), report: { ...report(optimizer) } };
        optimizer.dispose();
        tf.dispose([...variables]);
        return result;
      });
      for (const result of results.slice(1)) t.deepEqual(result, results[0]);
      t.not(results[0]!.values[0]![0], 3);
    },
  );

  test.serial(`the loss may lie on another backend (${backend})`, async (t) => {
    const other: BackendName = backend === 'cpu' ? 'tensorflow' : 'cpu';
    await useBackend(other);
    const loss = tf.scalar(2);
    await useBackend(backend);
    const variable = newVariable(1, 1);
    const gradient = tf.tensor1d([2, 0]);
    const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0 });
    optimizer.applyGradients({ [variable.name]: gradient }, { loss });
    t.deepEqual(valuesOf([variable]), [[0, 1]]);
    t.is(report(optimizer).loss, 2);
    t.is(report(optimizer).engine, engineOf[backend]);
    t.is(loss.dataSync()[0], 2, 'the loss stays the caller’s');
    tf.dispose([loss, variable, gradient]);
  });

  test.serial(
    `the parameters of a list are on the ball before the first step (${backend})`,
    async (t) => {
      await useBackend(backend);
      for (const list of ['with', 'without'] as const) {
        const [first, second] = [newVariable(6, 0), newVariable(0, 8)];
        const optimizer = new AliG({
          maxLearningRate: 1e-6,
          momentum: 0,
          constraint: l2Ball(5),
        });
        const added = tensorsAdded(() => {
          const cost = optimizer.minimize(
            halfSquares(first, second),
            true,
            list === 'with' ? [first, second] : undefined,
          );
          // The loss at (3, 0), (0, 4), not at (6, 0), (0, 8); without a list the variables are known
          // only when it has been computed.
          t.is(cost?.dataSync()[0], list === 'with' ? 12.5 : 50);
          cost?.dispose();
        });
        t.is(added, 0);
        t.is(report(optimizer).gradientNorm, list === 'with' ? 5 : 10);
        [first.dataSync()[0]! / 3, second.dataSync()[1]! / 4].forEach((ratio) => {
          t.true(Math.abs(ratio - 1) < 1e-5, `ratio ${ratio}`);
        });

        // Only the first step projects what the caller has moved in between.
        first.assign(tf.tensor1d([6, 0]));
        second.assign(tf.tensor1d([0, 8]));
        optimizer.minimize(halfSquares(first, second), false, [first, second]);
        t.is(report(optimizer).gradientNorm, 10);
        t.true(report(optimizer).projected);
        tf.dispose([first, second]);
      }
    },
  );

  test.serial(`a refused first step takes its projection back (${backend})`, async (t) => {
    await useBackend(backend);
    const [first, second] = [newVariable(6, 0), newVariable(0, 8)];
    const gradient = tf.tensor1d([1, 1]);
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(5) });
    const notFinite = () => halfSquares(first, second)().div(0).asScalar();
    const unequal = tf.tensor1d([1, 1, 1]);
    const refused: [string, () => unknown][] = [
      ['infinite loss, with a list', () => optimizer.minimize(notFinite, true, [first, second])],
      ['infinite loss, without a list', () => optimizer.minimize(notFinite)],
      [
        'a loss function that fails',
        () =>
          optimizer.minimize(
            () => {
              throw new Error('from the loss');
            },
            false,
            [first],
          ),
      ],
      ['no variables', () => optimizer.minimize(halfSquares(first), false, [])],
      [
        'NaN by number',
        () => {
          optimizer.applyGradients({ [first.name]: gradient }, { loss: NaN });
        },
      ],
      [
        'a wrong shape',
        () => {
          optimizer.applyGradients({ [first.name]: unequal }, { loss: 1 });
        },
      ],
    ];
    for (const [name, step] of refused) {
      const added = tensorsAdded(() => {
        t.throws(step, undefined, name);
      });
      t.is(added, 0, name);
      t.deepEqual(
        valuesOf([first, second]),
        [
          [6, 0],
          [0, 8],
        ],
        name,
      );
      t.is(optimizer.iterations, 0, name);
    }
    const weights = await optimizer.getWeights();
    t.is(weights.length, 1, 'a refused step leaves no velocities');
    const cost = optimizer.minimize(halfSquares(first, second), true, [first, second]);
    t.is(cost?.dataSync()[0], 12.5, 'the next step is the first one and projects');
    tf.dispose([first, second, gradient, unequal]);
    optimizer.dispose();
  });

  test.serial(`the maximal learning rate may be set between steps (${backend})`, async (t) => {
    await useBackend(backend);
    const variable = newVariable(8);
    const optimizer = new AliG({ maxLearningRate: 0.25, momentum: 0, epsilon: 0 });
    const stepSizes = [0.25, 0.125, null].map((rate) => {
      optimizer.maxLearningRate = rate;
      t.is(optimizer.maxLearningRate, rate);
      t.is(optimizer.getConfig()['maxLearningRate'], rate);
      optimizer.minimize(halfSquares(variable), false, [variable]);
      return report(optimizer).stepSize;
    });
    t.deepEqual(stepSizes, [0.25, 0.125, 0.5]);
    for (const wrong of [-1, NaN, Infinity, '1' as never, undefined as never]) {
      t.throws(
        () => {
          optimizer.maxLearningRate = wrong;
        },
        { instanceOf: RangeError, message: /maxLearningRate must be a number of 0 or more/ },
      );
    }
    t.is(optimizer.maxLearningRate, null);
    variable.dispose();
  });

  test.serial(`getWeights gives copies that later steps leave alone (${backend})`, async (t) => {
    await useBackend(backend);
    const variable = newVariable(1, 2);
    const optimizer = new AliG({ maxLearningRate: 0.1 });
    // Three steps: from the second one on velocities are written in place where that is allowed.
    for (let i = 0; i < 3; i++) optimizer.minimize(halfSquares(variable), false, [variable]);
    const before = tensorCount();
    const weights = await optimizer.getWeights();
    t.is(tensorCount(), before);
    const taken = valuesOf(weights.map(({ tensor }) => tensor));
    t.deepEqual(taken[0], [3]);
    for (let i = 0; i < 3; i++) optimizer.minimize(halfSquares(variable), false, [variable]);
    t.deepEqual(valuesOf(weights.map(({ tensor }) => tensor)), taken);
    const later = await optimizer.getWeights();
    t.notDeepEqual(valuesOf(later.map(({ tensor }) => tensor)), taken);
    // They are the caller's: writing into one does not reach the optimiser.
    (later[1]!.tensor.dataSync() as Float32Array).fill(7);
    const again = await optimizer.getWeights();
    t.notDeepEqual(valuesOf([again[1]!.tensor]), [[7, 7]]);
    tf.dispose([...weights, ...later, ...again].map(({ tensor }) => tensor));
    t.is(tensorCount(), before);
    optimizer.dispose();
    variable.dispose();
  });
}

for (const from of backendNames) {
  for (const to of backendNames.filter((name) => name !== from)) {
    test.serial(`momentum is kept when the backend changes from ${from} to ${to}`, async (t) => {
      const run = async (second: BackendName) => {
        await useBackend(from);
        const variable = newVariable(3, 4);
        const optimizer = new AliG({ maxLearningRate: 0.0625, momentum: 0.5 });
        for (let i = 0; i < 6; i++) {
          if (i === 3) await useBackend(second);
          optimizer.minimize(halfSquares(variable), false, [variable]);
        }
        t.is(report(optimizer).engine, engineOf[second]);
        const [values] = valuesOf([variable]);
        variable.dispose();
        optimizer.dispose();
        return values!;
      };
      const unchanged = await run(from);
      const changed = await run(to);
      changed.forEach((value, i) => {
        const difference = Math.abs(value - unchanged[i]!);
        t.true(difference < 1e-6, `differs by ${difference}`);
      });
    });
  }
}

function denseModel() {
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [8, 8, 1] }),
      tf.layers.dense({
        units: 16,
        activation: 'relu',
        kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
      }),
      tf.layers.dense({
        units: 3,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }),
      }),
    ],
  });
}

function convolutionalModel() {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [8, 8, 1],
        filters: 4,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }),
      }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({
        units: 3,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotUniform({ seed: 4 }),
      }),
    ],
  });
}

/** Three kinds of pictures: noise over a pattern of the kind. */
function pictures(examples: number) {
  const random = new SeededRandom(31);
  const patterns = Array.from({ length: 3 }, () => random.normals(64));
  const kinds = Array.from({ length: examples }, (_, i) => i % 3);
  const pixels = kinds.flatMap((kind) =>
    Array.from(patterns[kind]!, (value) => value + 0.5 * random.normal()),
  );
  return tf.tidy(() => ({
    inputs: tf.tensor4d(pixels, [examples, 8, 8, 1]),
    labels: tf.oneHot(tf.tensor1d(kinds, 'int32'), 3).cast('float32'),
  }));
}

const fits = [
  { model: 'dense', make: denseModel, backend: 'tensorflow' },
  { model: 'convolutional', make: convolutionalModel, backend: 'tensorflow' },
  { model: 'dense', make: denseModel, backend: 'cpu' },
  { model: 'dense', make: denseModel, backend: 'wasm' },
] as const;

for (const { model: name, make, backend } of fits) {
  test.serial(`model.fit trains a ${name} model over several epochs (${backend})`, async (t) => {
    await useBackend(backend);
    const { inputs, labels } = pictures(50);
    const model = make();
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(50) });
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    const engines = new Set<string>();
    const counts: number[] = [];
    const { history } = await model.fit(inputs, labels, {
      epochs: 4,
      batchSize: 16,
      shuffle: false,
      ...quiet,
      callbacks: {
        onBatchEnd: () => {
          const { engine, status, stepSize } = report(optimizer);
          engines.add(engine);
          t.is(status, 'taken');
          t.true(stepSize > 0 && stepSize <= float32(0.1), `step size ${stepSize}`);
        },
        onEpochEnd: () => {
          counts.push(tensorCount());
        },
      },
    });
    t.deepEqual([...engines], [engineOf[backend]]);
    t.is(optimizer.iterations, 4 * 4);
    const [losses, accuracies] = [history['loss'] as number[], history['acc'] as number[]];
    t.true(losses.at(-1)! < 0.2 * losses[0]!, `losses ${losses.join(', ')}`);
    t.true(accuracies.at(-1)! > 0.95, `accuracies ${accuracies.join(', ')}`);
    t.is(counts.length, 4);
    t.is(new Set(counts.slice(1)).size, 1, `tensors after each epoch: ${counts.join(', ')}`);
    model.dispose();
    optimizer.dispose();
    tf.dispose([inputs, labels]);
  });
}

test.serial('model.fit fails with the step that met a number that is not finite', async (t) => {
  const { inputs, labels } = pictures(6);
  const model = denseModel();
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  const weights = valuesOf(model.getWeights());
  await t.throwsAsync(
    model.fit(tf.fill([6, 8, 8, 1], NaN), labels, { batchSize: 6, epochs: 1, ...quiet }),
    { instanceOf: NonFiniteError, message: /parameters and state are as they were/ },
  );
  t.deepEqual(valuesOf(model.getWeights()), weights);
  await model.fit(inputs, labels, { batchSize: 6, epochs: 1, ...quiet });
  t.is(optimizer.iterations, 1);
  t.notDeepEqual(valuesOf(model.getWeights()), weights);
});

test.serial(
  'model.save keeps no tensor, and loading none but the weights and velocities',
  async (t) => {
    const { inputs, labels } = pictures(6);
    const model = denseModel();
    const optimizer = new AliG({ maxLearningRate: 0.1 });
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    await model.fit(inputs, labels, { batchSize: 6, epochs: 1, ...quiet });
    let saved: io.ModelArtifacts = {};
    const handler = tf.io.withSaveHandler((artifacts) => {
      saved = artifacts;
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const },
      });
    });
    // tfjs asks an optimiser for its weights and never disposes of what it gets.
    for (let i = 0; i < 2; i++) {
      const before = tf.memory();
      await model.save(handler, { includeOptimizer: true });
      t.is(tf.memory().numTensors, before.numTensors);
      t.is(tf.memory().numBytes, before.numBytes);
    }
    const before = tensorCount();
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved));
    t.is(tensorCount() - before, 4 + 4, 'the weights of the model and their velocities');
    loaded.optimizer.dispose();
    loaded.dispose();
    t.is(tensorCount(), before);
  },
);

test.serial('the memory of the copies that model.save forgets is freed', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const variable = newVariable(...new Array<number>(1000).fill(1));
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  optimizer.minimize(halfSquares(variable), false, [variable]);
  const copies = await (async () => {
    const weights = await optimizer.getWeights();
    await tf.io.encodeWeights(weights);
    return weights.map(({ tensor }) => new WeakRef(tensor.dataSync()));
  })();
  // A WeakRef holds on until the current task is over.
  for (let i = 0; i < 5 && copies.some((copy) => copy.deref()); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
  }
  t.deepEqual(
    copies.map((copy) => copy.deref()),
    [undefined, undefined],
  );
});

test.serial('createOptimizer makes what the constructor makes', (t) => {
  const made = createOptimizer('alig', {
    maxLearningRate: 0.5,
    momentum: 0.25,
    epsilon: 0.125,
    lowerBound: 0.0625,
    adjustedMomentum: true,
    maxNorm: 3,
  });
  const constructed = new AliG({
    maxLearningRate: 0.5,
    momentum: 0.25,
    epsilon: 0.125,
    lowerBound: 0.0625,
    adjustedMomentum: true,
    constraint: l2Ball(3),
  });
  t.is(made.constructor, AliG);
  t.deepEqual(made.getConfig(), constructed.getConfig());
  for (const maxNorm of [null, undefined]) {
    t.deepEqual(
      createOptimizer('alig', {
        maxLearningRate: null,
        ...(maxNorm === null && { maxNorm }),
      }).getConfig(),
      new AliG({ maxLearningRate: null }).getConfig(),
    );
  }
  t.deepEqual(new AliG({ maxLearningRate: 0.1 }).getConfig(), {
    maxLearningRate: 0.1,
    momentum: 0.9,
    epsilon: 1e-5,
    lowerBound: 0,
    adjustedMomentum: false,
    constraint: null,
    groups: null,
  });
});

test.serial('fromConfig of getConfig gives an optimiser that steps the same', (t) => {
  const options = {
    maxLearningRate: 0.3,
    momentum: 0.7,
    epsilon: 1e-3,
    lowerBound: -0.1,
    adjustedMomentum: true,
    constraint: l2Ball(3.3),
  };
  const results = [
    new AliG(options),
    AliG.fromConfig<AliG>(AliG as never, new AliG(options).getConfig()),
  ].map((optimizer) => {
    const variable = newVariable(3, 4);
    for (let i = 0; i < 3; i++) optimizer.minimize(halfSquares(variable), false, [variable]);
    return { values: valuesOf([variable]), report: { ...report(optimizer) } };
  });
  t.deepEqual(results[1], results[0]);
  t.is(results[0]!.report.status, 'taken');
});
