import { SeededRandom } from '../seeded-random.js';
import type { ImageSet, Normalisation } from './dataset.js';

/** Random changes of the images that are trained on. */
export interface Augmentation {
  /** Black pixels put around an image, of which a part of the old size is then taken. */
  readonly padding: number;
  /** Whether every other image, on average, is mirrored. */
  readonly flip: boolean;
}

/** What the paper does with CIFAR's training images. */
export const cifarAugmentation: Augmentation = { padding: 4, flip: true };

/** Which images become a batch, and how. */
export interface ImageBatch {
  readonly set: ImageSet;
  /** Of the images in the set, in the batch's order. */
  readonly indices: ArrayLike<number>;
  /** Null: images as they are, as for validation and test. */
  readonly augmentation: (Augmentation & { readonly seed: number; readonly epoch: number }) | null;
}

/** Well-mixed 32 bits (the end of MurmurHash3): neighbours get seeds that have nothing in common. */
function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Makes batches of normalised images of sets that have one normalisation. */
export class ImageBatches {
  /** The normalised value of each of a byte's 256 values, channel after channel. */
  readonly #normalised: Float32Array;
  readonly #channels: number;

  constructor({ mean, standardDeviation }: Normalisation) {
    this.#channels = mean.length;
    this.#normalised = new Float32Array(256 * mean.length);
    for (const [channel, shift] of mean.entries()) {
      for (let value = 0; value < 256; value++) {
        this.#normalised[channel * 256 + value] =
          (value / 255 - shift) / standardDeviation[channel]!;
      }
    }
  }

  /**
   * Writes a batch, scaled to [0, 1] and normalised: `[indices.length, ...set.shape]`. What
   * augmentation does to an image depends on the seed, the epoch and the image's index alone, and so
   * neither on the batch nor on the images before it. Padding is black before it is normalised, as in
   * the published code.
   * @param target Holds the batch from its beginning on; it may be longer.
   * @throws RangeError where an index is none of the set's, or the target is too short.
   */
  fill({ set, indices, augmentation }: ImageBatch, target: Float32Array): void {
    const [height, width, channels] = set.shape;
    const size = height * width * channels;
    if (channels !== this.#channels || target.length < indices.length * size) {
      throw new RangeError(
        `A batch of ${indices.length} images of ${set.shape.join(' x ')} values does not fit a ` +
          `target of ${target.length} values and a normalisation of ${this.#channels} channels.`,
      );
    }
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row]!;
      if (!(index >= 0 && index < set.length)) {
        throw new RangeError(`There is no image ${index} among ${set.length}.`);
      }
      let down = 0;
      let right = 0;
      let isMirrored = false;
      if (augmentation !== null) {
        const { seed, epoch, padding, flip } = augmentation;
        const random = new SeededRandom(mix(mix(mix(0, seed), epoch), index));
        down = random.below(2 * padding + 1) - padding;
        right = random.below(2 * padding + 1) - padding;
        isMirrored = random.uniform() < 0.5 && flip;
      }
      this.#place(set, index, { down, right, isMirrored }, target, row * size);
    }
  }

  /** Writes the part of an image that begins so many pixels down and right, and is then mirrored. */
  #place(
    { images, shape }: ImageSet,
    index: number,
    { down, right, isMirrored }: { down: number; right: number; isMirrored: boolean },
    target: Float32Array,
    start: number,
  ): void {
    const [height, width, channels] = shape;
    const normalised = this.#normalised;
    let to = start;
    for (let row = 0; row < height; row++) {
      const fromRow = row + down;
      const isRowInside = fromRow >= 0 && fromRow < height;
      const rowStart = (index * height + fromRow) * width;
      for (let column = 0; column < width; column++) {
        const fromColumn = (isMirrored ? width - 1 - column : column) + right;
        const isInside = isRowInside && fromColumn >= 0 && fromColumn < width;
        const from = (rowStart + fromColumn) * channels;
        for (let channel = 0; channel < channels; channel++) {
          target[to++] = normalised[channel * 256 + (isInside ? images[from + channel]! : 0)]!;
        }
      }
    }
  }
}
