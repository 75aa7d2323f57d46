/** Run by model-folder.test.ts: saves models into a folder until it is killed, each with its own weights. */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, modelFolder } from '../../lib/index.js';

const folder = process.argv[2]!;
const model = tf.sequential({
  layers: [tf.layers.dense({ units: 200, inputShape: [1000] }), tf.layers.dense({ units: 1 })],
});
model.compile({ optimizer: new AliG({ maxLearningRate: 0.1 }), loss: 'meanSquaredError' });
for (let number = 1; ; number++) {
  tf.tidy(() => {
    model.setWeights(model.getWeights().map(({ shape }) => tf.fill(shape, number)));
  });
  model.setUserDefinedMetadata({ number });
  await model.save(modelFolder(folder));
}
