import type * as tf from '@tensorflow/tfjs-node';
import { createOptimizer, type Communicator } from 'tfjs-alig';

import { ImageBatches } from '../data/augment.js';
import { shardOf } from '../runner/ranks.js';
import { classifier, imageTensor } from '../training/classifier.js';
import { chosenExamples, countBatches, type OrderSettings } from '../training/example-order.js';
import {
  imageBatch,
  imageBatches,
  shareImages,
  type ImageBatch,
} from '../training/image-batches.js';
import { openBatches } from '../training/prepared-batches.js';
import { TrainingRun } from '../training/training-run.js';
import type { Mnist } from './data.js';
import { crossEntropy, mnistNetwork } from './network.js';
import type { MnistSettings } from './settings.js';

// Enough to keep the processor busy; more would only take memory.
const evaluationBatchSize = 500;

/** The pixels as they are, from 0 to 1. */
const normalisation = { mean: [0], standardDeviation: [1] };

/** The first of the examples that are trained on, in batches. */
function objectiveBatches(mnist: Mnist, order: OrderSettings, count: number): ImageBatch[] {
  const maker = new ImageBatches(normalisation);
  const chosen = chosenExamples(order).subarray(0, count);
  return Array.from({ length: Math.ceil(count / evaluationBatchSize) }, (_, index) => {
    const first = index * evaluationBatchSize;
    const indices = chosen.subarray(first, first + evaluationBatchSize);
    return imageBatch(maker, mnist.training, indices, null);
  });
}

/**
 * Starts the training of a fresh network, with a test after each epoch.
 *
 * @param options.ahead Whether a thread prepares the batches. Default: true.
 * @param options.communicator The ranks that share each batch. Default: this process has it alone.
 */
export async function startMnist(
  settings: MnistSettings,
  mnist: Mnist,
  {
    communicator = null,
    ...options
  }: { readonly ahead?: boolean; readonly communicator?: Communicator | null } = {},
): Promise<TrainingRun> {
  const { seed, epochs, examples, batchSize, objectiveExamples } = settings;
  const { name, hyperParameters } = settings.optimizer;
  const [train, test] = [shareImages(mnist.training), shareImages(mnist.test)];
  // The test images are looked at after each epoch, as those of the validation elsewhere.
  const splits = { train, validation: test, test };
  const order = {
    sizes: { train: train.length, validation: test.length, test: test.length },
    examples,
    batchSize,
    evaluationBatchSize,
    seed,
    shard: shardOf(communicator),
  };
  const task = classifier<ImageBatch, tf.Tensor4D>({
    network: mnistNetwork(seed),
    input: imageTensor,
    loss: crossEntropy,
  });
  const some = objectiveBatches(mnist, order, objectiveExamples ?? 0);
  const objective = () =>
    some.reduce((sum, batch) => sum + task.evaluate!(batch).loss, 0) / objectiveExamples!;
  const source = imageBatches({ splits, order, normalisation, augmentation: null });
  return new TrainingRun({
    task,
    // Which hyper-parameters are this optimiser's own its constructor checks.
    optimizer: createOptimizer(name, {
      ...hyperParameters,
      ...(objectiveExamples !== null && { objective }),
      communicator,
    }),
    batches: await openBatches<ImageBatch>(source, options),
    counts: { ...countBatches(order, epochs), test: 0 },
    seed,
    communicator,
  });
}
