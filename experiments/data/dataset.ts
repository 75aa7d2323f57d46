/** Images and their classes, a byte a value. */
export interface ImageSet {
  /** Number of images. */
  readonly length: number;
  /** Of one image. */
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly classes: number;
  /** Image after image, row after row, the channels of a pixel side by side: `[length, ...shape]`. */
  readonly images: Uint8Array;
  /** Of each image: 0 to `classes` - 1. */
  readonly labels: Uint8Array;
}

/** What a channel's values, scaled to [0, 1], are shifted by and divided by. One number a channel. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly standardDeviation: readonly number[];
}

/** What is trained on, what the best epoch is selected by, and what is looked at once. */
export interface Splits<Set> {
  readonly train: Set;
  readonly validation: Set;
  readonly test: Set;
}

/** A data set of images, ready for an experiment. */
export interface ImageData {
  /** As headings name it. */
  readonly name: string;
  readonly splits: Splits<ImageSet>;
  readonly normalisation: Normalisation;
}

/** What the loaders of data sets are told. */
export interface DataOptions {
  /** The folder of `--data`: it holds the unpacked archives, or the files of one. */
  readonly folder: string;
  /** Examples that are trained on. Default: the paper's number. */
  readonly trainExamples?: number;
  /** Examples of the validation set. Default: the paper's number. */
  readonly validationExamples?: number;
  /** Examples of the test set. Default: all. */
  readonly testExamples?: number;
  /**
   * Whether files in the official layout but of another size are taken, as small ones are for tests;
   * there are no checksums then. Default: no.
   */
  readonly anySize?: boolean;
}

/** An image set without images yet. */
export function emptyImageSet(
  length: number,
  shape: readonly [height: number, width: number, channels: number],
  classes: number,
): ImageSet {
  const [height, width, channels] = shape;
  return {
    length,
    shape,
    classes,
    images: new Uint8Array(length * height * width * channels),
    labels: new Uint8Array(length),
  };
}

/** Copies the images with these indices, in this order, into a set of their own. */
export function chooseImages(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const chosen = emptyImageSet(indices.length, set.shape, set.classes);
  const size = set.images.length / set.length;
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row]!;
    if (!(index >= 0 && index < set.length)) {
      throw new RangeError(`There is no image ${index} among ${set.length}.`);
    }
    chosen.images.set(set.images.subarray(index * size, (index + 1) * size), row * size);
    chosen.labels[row] = set.labels[index]!;
  }
  return chosen;
}
