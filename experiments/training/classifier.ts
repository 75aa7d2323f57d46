import * as tf from '@tensorflow/tfjs-node';

import type { Network } from '../networks/network.js';
import type { Batch } from './batches.js';
import type { ImageBatch } from './image-batches.js';
import type { Task } from './task.js';

/** A batch whose examples have classes. */
export interface LabelledBatch extends Batch {
  readonly labels: Int32Array;
}

/** The mean loss of examples from their classes [batch] and logits [batch, classes]. */
export type ClassificationLoss = (labels: tf.Tensor1D, logits: tf.Tensor2D) => tf.Scalar;

/** How a network is trained to classify. */
export interface ClassifierOptions<Content extends LabelledBatch, Input> {
  readonly network: Network<Input>;
  /** Makes the network's input of a batch. */
  readonly input: (batch: Content) => Input;
  readonly loss: ClassificationLoss;
}

/** A network that learns the classes of examples. */
export function classifier<Content extends LabelledBatch, Input>({
  network,
  input,
  loss,
}: ClassifierOptions<Content, Input>): Task<Content> {
  return {
    variables: network.variables,
    statistics: network.statistics,
    loss(batch, random) {
      const logits = network.forward(input(batch), { training: true, random });
      return loss(tf.tensor1d(batch.labels, 'int32'), logits);
    },
    evaluate: (batch) =>
      tf.tidy(() => {
        const labels = tf.tensor1d(batch.labels, 'int32');
        const logits = network.forward(input(batch), { training: false });
        return {
          loss: batch.batchSize * loss(labels, logits).arraySync(),
          right: logits.argMax(1).equal(labels).sum().arraySync() as number,
        };
      }),
    dispose() {
      network.dispose();
    },
  };
}

/** A batch of images as a network takes it: [batch, height, width, channels]. */
export function imageTensor({ images, batchSize, shape }: ImageBatch): tf.Tensor4D {
  return tf.tensor4d(images, [batchSize, ...shape]);
}
