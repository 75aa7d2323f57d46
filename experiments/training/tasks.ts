import * as tf from '@tensorflow/tfjs-node';

import type { Augmentation } from '../data/augment.js';
import type { ImageData } from '../data/dataset.js';
import type { SentencePairData, Sentences, SentenceBatch } from '../data/sentences.js';
import type { Network } from '../networks/network.js';
import type { SentencePairs } from '../networks/sentences.js';
import type { RunContext, RunSpecification, TrainingSpecification } from '../runner/experiment.js';
import type { Batch, BatchSource } from './batches.js';
import { classifier, imageTensor } from './classifier.js';
import type { OrderSettings } from './example-order.js';
import { imageBatches, shareImages, type ImageBatch } from './image-batches.js';
import { classificationLosses } from './losses.js';
import { pairBatches, type PairBatch } from './sentence-batches.js';
import { shared } from './shared-memory.js';
import type { Task } from './task.js';

/** A run that passes through a data set. */
export interface TrainingRunSpecification extends RunSpecification {
  readonly training: TrainingSpecification;
}

/** A fresh network and the batches that it is trained on. */
export interface StartedTask<Content extends Batch = Batch> {
  readonly task: Task<Content>;
  readonly source: BatchSource;
  readonly order: OrderSettings;
}

/** A data set with a network: a column of a table. */
export interface DataTask {
  /** As a specification has it. */
  readonly name: string;
  /** As headings have it. */
  readonly title: string;
  /** @throws Error where the data are not there, or not as they must be. */
  checkData(context: RunContext): Promise<void>;
  start(specification: TrainingRunSpecification, context: RunContext): Promise<StartedTask>;
}

// Enough to keep a processor busy; more would only take memory.
const evaluationBatchSize = 250;

function orderSettings(
  { seed, training }: TrainingRunSpecification,
  splits: { readonly [Name in keyof OrderSettings['sizes']]: { readonly length: number } },
): OrderSettings {
  const { train, validation, test } = splits;
  const { examples, batchSize } = training;
  const sizes = { train: train.length, validation: validation.length, test: test.length };
  return { sizes, examples, batchSize, evaluationBatchSize, seed };
}

/** What several runs of a process read once. */
function dataTask<Data>({
  name,
  title,
  load,
  start,
}: Pick<DataTask, 'name' | 'title'> & {
  readonly load: (context: RunContext) => Data | Promise<Data>;
  readonly start: (data: Data, specification: TrainingRunSpecification) => StartedTask;
}): DataTask {
  let loaded: Promise<Data> | undefined;
  return {
    name,
    title,
    async checkData(context) {
      await load(context);
    },
    async start(specification, context) {
      loaded ??= Promise.resolve(load(context));
      return start(await loaded, specification);
    },
  };
}

/** How images are classified. */
export interface ImageTaskOptions extends Pick<DataTask, 'name' | 'title'> {
  /** Reads the data; called once a process. */
  readonly load: (context: RunContext) => ImageData | Promise<ImageData>;
  /** Of the training images. Default: none. */
  readonly augmentation?: Augmentation;
  /** Makes a network with initial weights by the run's seed. */
  readonly network: (
    specification: TrainingRunSpecification,
    data: ImageData,
  ) => Network<tf.Tensor4D>;
}

/** A task of images [batch, height, width, channels]. */
export function imageTask({ load, network, augmentation, ...names }: ImageTaskOptions): DataTask {
  return dataTask({
    ...names,
    async load(context) {
      const data = await load(context);
      const { train, validation, test } = data.splits;
      const splits = {
        train: shareImages(train),
        validation: shareImages(validation),
        test: shareImages(test),
      };
      return { ...data, splits };
    },
    start(data, specification) {
      const { splits, normalisation } = data;
      const order = orderSettings(specification, splits);
      return {
        order,
        source: imageBatches({ splits, order, normalisation, augmentation: augmentation ?? null }),
        task: classifier<ImageBatch, tf.Tensor4D>({
          network: network(specification, data),
          input: imageTensor,
          loss: classificationLosses[specification.training.loss],
        }),
      };
    },
  });
}

/** How pairs of sentences are classified. */
export interface PairTaskOptions extends Pick<DataTask, 'name' | 'title'> {
  /** Reads the data; called once a process. */
  readonly load: (context: RunContext) => SentencePairData | Promise<SentencePairData>;
  /** Makes a network with initial weights by the run's seed. */
  readonly network: (
    specification: TrainingRunSpecification,
    data: SentencePairData,
  ) => Network<SentencePairs>;
}

function shareSentences({ words, starts, ...rest }: Sentences): Sentences {
  return { ...rest, words: shared(words), starts: shared(starts) };
}

/** The words of sentences as vectors: [batch, words, dimension]. */
function embed(table: tf.Tensor2D, { words, rows, lengths }: SentenceBatch) {
  const indices = tf.tensor2d(rows, [lengths.length, words], 'int32');
  return { words: tf.gather(table, indices) as unknown as tf.Tensor3D, lengths };
}

/** A task of pairs of sentences, whose words have fixed vectors. */
export function pairTask({ load, network, ...names }: PairTaskOptions): DataTask {
  return dataTask({
    ...names,
    async load(context) {
      const data = await load(context);
      const share = ({ first, second, ...rest }: typeof data.splits.train) => ({
        ...rest,
        first: shareSentences(first),
        second: shareSentences(second),
      });
      const { train, validation, test } = data.splits;
      const splits = { train: share(train), validation: share(validation), test: share(test) };
      return { ...data, splits };
    },
    start(data, specification) {
      const { splits, embeddings } = data;
      const order = orderSettings(specification, splits);
      const { vectors, dimension } = embeddings;
      const table = tf.tensor2d(vectors, [vectors.length / dimension, dimension]);
      const task = classifier<PairBatch, SentencePairs>({
        network: network(specification, data),
        input: ({ first, second }) => ({
          premises: embed(table, first),
          hypotheses: embed(table, second),
        }),
        loss: classificationLosses[specification.training.loss],
      });
      return {
        order,
        source: pairBatches({ splits, order }),
        task: {
          ...task,
          dispose() {
            task.dispose();
            table.dispose();
          },
        },
      };
    },
  });
}
