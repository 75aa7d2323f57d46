import { readFileSync } from 'node:fs';

import {
  type DataOptions,
  emptyImageSet,
  type ImageData,
  type ImageSet,
  type Normalisation,
} from './dataset.js';
import {
  checkSize,
  DataError,
  type DataFile,
  findFile,
  type Source,
  withThousands,
} from './files.js';
import { divideImages } from './published-split.js';

const shape = [32, 32, 3] as const;
const pixels = shape[0] * shape[1];

/** The constants of the published code, the same for both data sets. */
const normalisation: Normalisation = {
  mean: [125.3 / 255, 123.0 / 255, 113.9 / 255],
  standardDeviation: [63.0 / 255, 62.1 / 255, 66.7 / 255],
};

/** The paper's division of the 50,000 training images. */
const paperSizes = { train: 45_000, validation: 5_000 };

/** One of the two data sets, as its files are laid out. */
interface Layout {
  readonly source: Source;
  readonly classes: number;
  /** Bytes before the pixels of an image: the last is the label. */
  readonly labelBytes: number;
  /** Images in each file. */
  readonly imagesPerFile: { readonly train: number; readonly test: number };
  readonly trainFiles: readonly string[];
  readonly testFile: string;
}

const page = 'https://www.cs.toronto.edu/~kriz/cifar.html';

const cifar10: Layout = {
  source: {
    name: 'CIFAR-10',
    page,
    archive: {
      name: 'cifar-10-binary.tar.gz',
      bytes: 170_052_171,
      checksum: 'MD5 c32a1d4ab5d03f1284b67883e8d87530',
    },
    folder: 'cifar-10-batches-bin',
  },
  classes: 10,
  labelBytes: 1,
  imagesPerFile: { train: 10_000, test: 10_000 },
  trainFiles: [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`),
  testFile: 'test_batch.bin',
};

const cifar100: Layout = {
  source: {
    name: 'CIFAR-100',
    page,
    archive: {
      name: 'cifar-100-binary.tar.gz',
      bytes: 168_513_733,
      checksum: 'MD5 03b5dce01913d631647c71ecec9e9cb8',
    },
    folder: 'cifar-100-binary',
  },
  classes: 100,
  // The coarse label, of 20 classes, then the fine one.
  labelBytes: 2,
  imagesPerFile: { train: 50_000, test: 10_000 },
  trainFiles: ['train.bin'],
  testFile: 'test.bin',
};

/** The records of files, one after the other; their color planes become the channels of a pixel. */
function readRecords(
  layout: Layout,
  { folder, anySize = false }: DataOptions,
  names: readonly string[],
  imagesPerFile: number,
): ImageSet {
  const { source, classes, labelBytes } = layout;
  const recordBytes = labelBytes + pixels * 3;
  const files = names.map((name) => {
    const file: DataFile = { name, bytes: imagesPerFile * recordBytes };
    const path = findFile(folder, source, file);
    if (!anySize) {
      checkSize(path, source, file);
    }
    const records = readFileSync(path);
    if (records.length === 0 || records.length % recordBytes !== 0) {
      const problem = `${path} has ${withThousands(records.length)} bytes, which are no whole number of images (${withThousands(recordBytes)} bytes each).`;
      throw new DataError(problem, source, file);
    }
    return { file, path, records };
  });
  const total = files.reduce((sum, { records }) => sum + records.length / recordBytes, 0);
  const set = emptyImageSet(total, shape, classes);
  let image = 0;
  for (const { file, path, records } of files) {
    for (let start = 0; start < records.length; start += recordBytes, image++) {
      const label = records[start + labelBytes - 1]!;
      if (label >= classes) {
        const problem = `${path}: label ${label} of image ${start / recordBytes} is none of ${classes} classes.`;
        throw new DataError(problem, source, file);
      }
      set.labels[image] = label;
      const red = start + labelBytes;
      let target = image * pixels * 3;
      for (let pixel = red; pixel < red + pixels; pixel++) {
        set.images[target++] = records[pixel]!;
        set.images[target++] = records[pixel + pixels]!;
        set.images[target++] = records[pixel + 2 * pixels]!;
      }
    }
  }
  return set;
}

/** Both official data sets have each class equally often, in the training and in the test images. */
function checkClassCounts({ source, testFile }: Layout, set: ImageSet, what: string): void {
  const counts = new Uint32Array(set.classes);
  for (const label of set.labels) {
    counts[label]! += 1;
  }
  const expected = set.length / set.classes;
  const wrong = counts.findIndex((count) => count !== expected);
  if (wrong !== -1) {
    throw new DataError(
      `The ${what} of ${source.name} are not the official ones: class ${wrong} has ` +
        `${withThousands(counts[wrong]!)} images, not ${withThousands(expected)}.`,
      source,
      { name: what === 'test images' ? testFile : 'the whole of the training files', bytes: null },
    );
  }
}

function load(layout: Layout, options: DataOptions): ImageData {
  const { trainFiles, testFile, imagesPerFile } = layout;
  const training = readRecords(layout, options, trainFiles, imagesPerFile.train);
  const testing = readRecords(layout, options, [testFile], imagesPerFile.test);
  if (options.anySize !== true) {
    checkClassCounts(layout, training, 'training images');
    checkClassCounts(layout, testing, 'test images');
  }
  return {
    name: layout.source.name,
    splits: divideImages(training, testing, options, paperSizes),
    normalisation,
  };
}

/**
 * CIFAR-10 from the official binary files (`cifar-10-batches-bin/`): 32 x 32 x 3, 10 classes; 45,000
 * images to train on and 5,000 for validation, chosen as in the published code, and 10,000 to test.
 * Sizes, labels and the number of images of each class are checked.
 * @throws DataError where a file is missing or wrong.
 * @see https://www.cs.toronto.edu/~kriz/cifar.html
 */
export function loadCifar10(options: DataOptions): ImageData {
  return load(cifar10, options);
}

/**
 * CIFAR-100, with its 100 fine classes, from the official binary files (`cifar-100-binary/`); otherwise
 * as {@link loadCifar10}.
 */
export function loadCifar100(options: DataOptions): ImageData {
  return load(cifar100, options);
}
