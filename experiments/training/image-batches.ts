/** Mini-batches of images: a module of a BatchSource. */
import { ImageBatches, type Augmentation } from '../data/augment.js';
import type { ImageSet, Normalisation, Splits } from '../data/dataset.js';
import type { Batch, BatchMaker, BatchSource } from './batches.js';
import { ExampleOrder, type OrderSettings } from './example-order.js';
import { shared } from './shared-memory.js';

/** Images as a network takes them, and their classes. */
export interface ImageBatch extends Batch {
  readonly shape: ImageSet['shape'];
  /** `[batchSize, ...shape]` */
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

/** What batches of images are made of. */
export interface ImageBatchData {
  readonly splits: Splits<ImageSet>;
  readonly order: OrderSettings;
  readonly normalisation: Normalisation;
  /** Of the training images; null: none. */
  readonly augmentation: Augmentation | null;
}

/** Makes a batch of the images with these places in their set. */
export function imageBatch(
  maker: ImageBatches,
  set: ImageSet,
  indices: ArrayLike<number>,
  augmentation: Parameters<ImageBatches['fill']>[0]['augmentation'],
): ImageBatch {
  const batchSize = indices.length;
  const images = new Float32Array(set.shape.reduce((size, length) => size * length, batchSize));
  maker.fill({ set, indices, augmentation }, images);
  const labels = Int32Array.from({ length: batchSize }, (_, row) => set.labels[indices[row]!]!);
  return { batchSize, shape: set.shape, images, labels };
}

export function batchMaker(data: ImageBatchData): BatchMaker<ImageBatch> {
  const { splits, order, normalisation, augmentation } = data;
  const maker = new ImageBatches(normalisation);
  const examples = new ExampleOrder(order);
  return (place) => {
    const isAugmented = place.set === 'train' && augmentation !== null;
    const changes = isAugmented ? { ...augmentation, seed: order.seed, epoch: place.epoch } : null;
    return imageBatch(maker, splits[place.set], examples.indices(place), changes);
  };
}

/** Images that a thread can be given without a copy of its own. */
export function shareImages(set: ImageSet): ImageSet {
  return { ...set, images: shared(set.images), labels: shared(set.labels) };
}

/** The batches of images as a source; they are given to a thread without a copy where shared. */
export function imageBatches(data: ImageBatchData): BatchSource {
  return { module: new URL(import.meta.url), data };
}
