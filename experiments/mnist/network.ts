import * as tf from '@tensorflow/tfjs-node';

import type { Network } from '../networks/network.js';
import { classCount, imageSize } from './data.js';

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

/** The network as a training takes it: images [batch, 28, 28, 1] to logits [batch, 10]. */
export function mnistNetwork(seed: number): Network<tf.Tensor4D> {
  const network = buildNetwork(seed);
  return {
    variables: trainableVariables(network),
    statistics: [],
    forward: (images, { training }) => network.apply(images, { training }) as tf.Tensor2D,
    dispose() {
      network.dispose();
    },
  };
}

/** Mean cross entropy of the softmax of the logits. */
export function crossEntropy(labels: tf.Tensor1D, logits: tf.Tensor2D): tf.Scalar {
  return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, classCount), logits);
}
