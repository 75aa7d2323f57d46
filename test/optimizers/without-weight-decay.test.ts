/** Which variables withoutWeightDecay leaves out, and what that does. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AdamW, Sgd, withoutWeightDecay } from '../../lib/index.js';
import { useBackend } from '../support/backends.js';
import { savedToMemory } from '../support/saved-model.js';

test.serial.before(async () => {
  await useBackend('tensorflow');
});

function namesIn(target: Parameters<typeof withoutWeightDecay>[0]): string[] {
  return withoutWeightDecay(target).variables.map((variable) => (variable as tf.Variable).name);
}

test.serial('of a layers model: biases and normalisations, of any shape, frozen or not', (t) => {
  const input = tf.input({ shape: [8, 8, 3] });
  const layers = [
    tf.layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv' }),
    tf.layers.batchNormalization({ name: 'batch' }),
    tf.layers.prelu({ name: 'prelu' }),
    tf.layers.layerNormalization({ axis: [1, 2, 3], name: 'norm' }),
    tf.layers.reshape({ targetShape: [6, 12] }),
    tf.layers.bidirectional({
      layer: tf.layers.lstm({ units: 3 }),
      mergeMode: 'concat',
      name: 'both',
    }),
  ];
  let output = input;
  for (const layer of layers) output = layer.apply(output) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: output });
  layers[1]!.trainable = false;
  const left = new Set(namesIn(model));
  const weights = model.weights.map(({ name }) => name);
  t.deepEqual(
    weights.filter((name) => !left.has(name)),
    weights.filter((name) => /kernel|alpha/.test(name)),
  );
  t.is(weights.length - left.size, 6);
});

test.serial('of named variables: by name and dimensions', (t) => {
  const make = (name: string, shape: number[]) => tf.variable(tf.ones(shape), true, name);
  const variables = [
    make('block.weight', [2, 2]),
    make('block.bias', [1, 2]),
    make('scale', []),
    make('bias/weights', [2, 2]),
    make('alphabeta', [2, 2]),
    make('norm/gamma_1', [1, 2, 1]),
    make('w', [3]),
  ];
  t.deepEqual(namesIn(variables), ['block.bias', 'scale', 'norm/gamma_1', 'w']);
  tf.dispose(variables);
});

test.serial('only the rest decays, also in a loaded model', async (t) => {
  const model = tf.sequential({
    layers: [
      // Ones, whose decayed values and their ratios are exact.
      tf.layers.dense({
        units: 2,
        inputShape: [2],
        kernelInitializer: 'ones',
        biasInitializer: 'ones',
      }),
      tf.layers.layerNormalization(),
    ],
  });
  const groups = [withoutWeightDecay(model)];
  for (const optimizer of [
    new Sgd({ learningRate: 0.5, weightDecay: 0.5, groups }),
    new AdamW({ learningRate: 0.5, weightDecay: 0.5, groups }),
  ]) {
    // A loss without gradient: whatever moves decays.
    model.compile({ optimizer, loss: (_, output) => output.mul(0) });
    const step = async (stepped: tf.LayersModel) => {
      const before = stepped.getWeights().map((tensor) => tensor.dataSync().slice());
      await stepped.trainOnBatch(tf.ones([2, 2]), tf.ones([2, 2]));
      return stepped
        .getWeights()
        .map((tensor, i) => tensor.dataSync().map((value, k) => value / before[i]![k]!)[0]);
    };
    t.deepEqual(await step(model), [0.75, 1, 1, NaN]);
    const loaded = await tf.loadLayersModel(await savedToMemory(model));
    loaded.compile({ optimizer: loaded.optimizer, loss: (_, output) => output.mul(0) });
    t.deepEqual(await step(loaded), [0.75, 1, 1, NaN]);
  }
});

test.serial('what has no such variable is refused', (t) => {
  const kernel = tf.variable(tf.ones([2, 2]));
  const rows: [unknown, RegExp][] = [
    [undefined, /give a tf.LayersModel or a list of tf.Variables, not undefined/],
    [{}, /not an object/],
    [[3], /variables\[0\] must be a tf.Variable, not 3/],
    [[kernel], /none of the 1 variables is a bias/],
    [[], /none of the 0 variables/],
  ];
  for (const [target, message] of rows) {
    t.throws(() => withoutWeightDecay(target as never), { message });
  }
  kernel.dispose();
});
