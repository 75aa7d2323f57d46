import * as tf from '@tensorflow/tfjs-node';

import { type Batch, classCount, type Examples, gatherBatch, imageSize } from './data.js';

// Enough to keep the processor busy; more would only take memory.
const evaluationBatchSize = 500;

/** Mean loss and share of right answers over a set of examples. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy: number;
}

/**
 * Convolutional network with 582,026 parameters: two 5x5 convolutions, each followed by 2x2 maximum
 * pooling, and two dense layers. Its outputs are logits. A seed always gives the same weights.
 */
export function buildNetwork(seed: number): tf.Sequential {
  // With one seed for all, the layers' weights would be the same random numbers.
  let layerIndex = 0;
  const kernelInitializer = () => tf.initializers.glorotNormal({ seed: seed * 10 + layerIndex++ });
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [imageSize, imageSize, 1],
        filters: 32,
        kernelSize: 5,
        activation: 'relu',
        kernelInitializer: kernelInitializer(),
      }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({
        filters: 64,
        kernelSize: 5,
        activation: 'relu',
        kernelInitializer: kernelInitializer(),
      }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({
        units: 512,
        activation: 'relu',
        kernelInitializer: kernelInitializer(),
      }),
      tf.layers.dense({ units: classCount, kernelInitializer: kernelInitializer() }),
    ],
  });
}

function isVariable(tensor: tf.Tensor): tensor is tf.Variable {
  return tensor instanceof tf.Variable;
}

/** The network's trainable weights as the variables that an optimiser takes. */
export function trainableVariables(network: tf.LayersModel): tf.Variable[] {
  return network.trainableWeights.map((weight) => {
    const tensor = weight.read();
    if (!isVariable(tensor)) {
      throw new TypeError(`The weight ${weight.name} is not a variable.`);
    }
    return tensor;
  });
}

/** The images of a batch as the network takes them: [count, 28, 28, 1]. */
export function imageTensor(batch: Batch): tf.Tensor4D {
  return tf.tensor4d(batch.images, [batch.count, imageSize, imageSize, 1]);
}

/** The labels of a batch, one-hot: [count, 10]. */
export function labelTensor(batch: Batch): tf.Tensor2D {
  return tf.tidy(() => tf.oneHot(tf.tensor1d(batch.labels, 'int32'), classCount) as tf.Tensor2D);
}

/** Mean cross entropy of the softmax of the logits. */
export function crossEntropy(labels: tf.Tensor2D, logits: tf.Tensor): tf.Scalar {
  return tf.losses.softmaxCrossEntropy(labels, logits);
}

/** Loss and accuracy of the network on a set of examples. */
export function evaluate(network: tf.LayersModel, examples: Examples): Evaluation {
  let lossSum = 0;
  let rightCount = 0;
  for (let start = 0; start < examples.count; start += evaluationBatchSize) {
    const count = Math.min(evaluationBatchSize, examples.count - start);
    const batch = gatherBatch(
      examples,
      Array.from({ length: count }, (_, offset) => start + offset),
    );
    tf.tidy(() => {
      const labels = labelTensor(batch);
      const logits = network.predictOnBatch(imageTensor(batch)) as tf.Tensor2D;
      lossSum += count * crossEntropy(labels, logits).arraySync();
      rightCount += logits.argMax(1).equal(labels.argMax(1)).sum().arraySync() as number;
    });
  }
  return { loss: lossSum / examples.count, accuracy: rightCount / examples.count };
}
