/**
 * model.fit with AliG on the fake GPU gives the bits of the CPU: run without the GPU, it prints them.
 * TFJS_NODE_MODULE names the module of another tfjs-node than the one that is installed here.
 */
import { AliG } from '../../../lib/index.js';

type TensorFlow = typeof import('@tensorflow/tfjs-node');

const module = process.env.TFJS_NODE_MODULE ?? '@tensorflow/tfjs-node';
const tf = (await import(module)) as TensorFlow;
await tf.setBackend('tensorflow');
const model = tf.sequential({
  layers: [
    tf.layers.dense({
      units: 8,
      inputShape: [4],
      activation: 'tanh',
      kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
    }),
    tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
  ],
});
const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * 0.7));
const inputs = tf.tensor2d(values, [64, 4]);
const targets = tf.tidy(() => inputs.sum(1, true).tanh());
const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0.9 });
model.compile({ optimizer, loss: 'meanSquaredError' });
const quiet = { verbose: 0 } as const;
const { history } = await model.fit(inputs, targets, {
  ...quiet,
  epochs: 5,
  batchSize: 16,
  shuffle: false,
});
const weights = model.getWeights().map((tensor) => [...tensor.dataSync()]);
console.log(JSON.stringify({ engine: optimizer.lastStep?.engine, losses: history.loss, weights }));
