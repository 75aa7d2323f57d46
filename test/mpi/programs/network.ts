/** A small convolutional network and mini-batches for it, the same wherever they are made. */
import * as tf from '@tensorflow/tfjs-node';
import { createHash } from 'node:crypto';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { crossEntropy } from '../../../lib/index.js';

const size = 10;
const classes = 4;
const batchSize = 8;

export interface TrainedNetwork {
  readonly variables: tf.Variable[];
  /** The mean loss of one of the mini-batches. */
  readonly loss: (batch: number) => tf.Scalar;
}

/** 3,214 parameters in 6 variables; a convolution, a layer without bias gradient, two dense layers. */
export function makeNetwork(seed: number): TrainedNetwork {
  const random = new SeededRandom(seed);
  const make = (...shape: number[]) => {
    const count = shape.reduce((product, length) => product * length, 1);
    return tf.variable(tf.tensor(random.normals(count), shape).mul(0.2));
  };
  const [filter, filterBias, first, firstBias, second, secondBias] = [
    make(3, 3, 1, 6),
    make(6),
    make(96, 32),
    make(32),
    make(32, classes),
    make(classes),
  ];
  const scores = (images: tf.Tensor4D) => {
    const maps = tf
      .conv2d(images, filter as tf.Tensor4D, 1, 'valid')
      .add(filterBias)
      .relu();
    const pooled = tf.maxPool(maps as tf.Tensor4D, 2, 2, 'valid').reshape([-1, 96]);
    return pooled.matMul(first).add(firstBias).tanh().matMul(second).add(secondBias);
  };
  return {
    variables: [filter, filterBias, first, firstBias, second, secondBias],
    loss: (batch) => {
      const inputs = new SeededRandom(1000 + batch);
      const images = tf.tensor4d(inputs.normals(batchSize * size * size), [
        batchSize,
        size,
        size,
        1,
      ]);
      const labels = tf.tensor1d(
        Array.from({ length: batchSize }, () => inputs.below(classes)),
        'int32',
      );
      return crossEntropy(labels, scores(images) as tf.Tensor2D)
        .mean()
        .asScalar();
    },
  };
}

/** A hash of the bits of tensors. */
export function bitsOf(tensors: readonly tf.Tensor[]): string {
  const hash = createHash('sha256');
  for (const tensor of tensors) {
    const values = tensor.dataSync<'float32'>();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
