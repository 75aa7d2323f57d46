import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import test from 'ava';

import { loadCifar10, loadCifar100 } from '../../../experiments/data/cifar.js';
import { chooseImages, type ImageSet } from '../../../experiments/data/dataset.js';
import { DataError } from '../../../experiments/data/files.js';
import { loadMnist32 } from '../../../experiments/data/mnist-32.js';
import { publishedSubsets } from '../../../experiments/data/published-split.js';
import { loadSvhn } from '../../../experiments/data/svhn.js';
import { loadMnist } from '../../../experiments/mnist/data.js';
import { fixtureFolder, folderWith, removeFolders } from './folder.js';

test.after.always(removeFolders);

const pixels = 32 * 32;

/** A value that tells image, row, column and channel apart. */
function valueAt(image: number, row: number, column: number, channel: number): number {
  return (7 * image + 3 * row + 5 * column + 11 * channel) % 256;
}

/** A file of CIFAR: plane after plane, each row after row. */
function cifarFile(first: number, labels: readonly (readonly number[])[]): Buffer {
  const planes = (image: number) =>
    Array.from({ length: 3 * pixels }, (_, position) => {
      const inPlane = position % pixels;
      return valueAt(image, inPlane >> 5, inPlane % 32, Math.floor(position / pixels));
    });
  return Buffer.from(labels.flatMap((label, i) => [...label, ...planes(first + i)]));
}

/** Which image by formula each one of a set is. */
function imageNumbers(set: ImageSet, candidates: number): number[] {
  const size = 3 * pixels;
  return Array.from({ length: set.length }, (_, i) => {
    const image = set.images.subarray(i * size, (i + 1) * size);
    return Array.from({ length: candidates }, (__, candidate) => candidate).findIndex((candidate) =>
      image.every((value, at) => {
        const pixel = Math.floor(at / 3);
        return value === valueAt(candidate, pixel >> 5, pixel % 32, at % 3);
      }),
    );
  });
}

function cifar10Files(): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (let part = 0; part < 5; part++) {
    files[`cifar-10-batches-bin/data_batch_${part + 1}.bin`] = cifarFile(4 * part, [
      [(4 * part) % 10],
      [(4 * part + 1) % 10],
      [(4 * part + 2) % 10],
      [(4 * part + 3) % 10],
    ]);
  }
  return { ...files, 'cifar-10-batches-bin/test_batch.bin': cifarFile(20, [[0], [1], [2]]) };
}

test("the subsets are those of the published code's NumPy calls", (t) => {
  // numpy.random.seed(1234); numpy.random.permutation(numpy.random.choice(n, sum, replace=False))
  for (const { count, sizes, start, second, end } of [
    {
      count: 50_000,
      sizes: [45_000, 5_000],
      start: [20259, 48853, 20844, 2463, 34804],
      second: [13042, 6109, 46700, 44455, 20481],
      end: [21369, 9017, 25401, 45902, 38005],
    },
    {
      count: 73_257,
      sizes: [67_257, 6_000],
      start: [20306, 44716, 26077, 44755, 54984],
      second: [59806, 15649, 70780, 3021, 59580],
      end: [59074, 50762, 2061, 53631, 59191],
    },
    {
      count: 100,
      sizes: [60, 20],
      start: [32, 33, 74, 8, 56],
      second: [44, 61, 14, 45, 60],
      end: [62, 82, 0, 63, 4],
    },
  ]) {
    const subsets = publishedSubsets(count, sizes);
    t.deepEqual(
      subsets.map(({ length }) => length),
      sizes,
    );
    const [train, validation] = subsets;
    t.deepEqual([...train!.subarray(0, 5)], start);
    t.deepEqual([...validation!.subarray(0, 5)], second);
    t.deepEqual([...validation!.subarray(-5)], end);
    t.is(new Set([...train!, ...validation!]).size, sizes[0]! + sizes[1]!);
  }
  t.throws(() => publishedSubsets(10, [8, 3]), { instanceOf: RangeError, message: /10 .* 8 \+ 3/ });
  t.throws(() => publishedSubsets(10, [8, 0]), { instanceOf: RangeError });
});

test('CIFAR-10: the images of all files, their planes made channels, divided as published', (t) => {
  const folder = folderWith(cifar10Files());
  const options = { folder, anySize: true, trainExamples: 15, validationExamples: 5 };
  const { name, splits, normalisation } = loadCifar10(options);
  t.is(name, 'CIFAR-10');
  t.deepEqual(normalisation.mean, [125.3 / 255, 123 / 255, 113.9 / 255]);
  t.deepEqual(normalisation.standardDeviation, [63 / 255, 62.1 / 255, 66.7 / 255]);
  const [train, validation] = publishedSubsets(20, [15, 5]);
  t.deepEqual(imageNumbers(splits.train, 23), [...train!]);
  t.deepEqual(imageNumbers(splits.validation, 23), [...validation!]);
  t.deepEqual(
    [...splits.train.labels],
    [...train!].map((image) => image % 10),
  );
  t.deepEqual(imageNumbers(splits.test, 23).sort(), [20, 21, 22]);
  t.deepEqual(splits.train.shape, [32, 32, 3]);
  t.is(splits.train.classes, 10);
  // The folder of the archive itself is found too.
  const inside = loadCifar10({ ...options, folder: join(folder, 'cifar-10-batches-bin') });
  t.deepEqual(inside.splits.train, splits.train);
});

test('CIFAR-100: the fine label of two', (t) => {
  const folder = folderWith({
    'cifar-100-binary/train.bin': cifarFile(0, [
      [19, 99],
      [0, 30],
      [4, 0],
    ]),
    'cifar-100-binary/test.bin': cifarFile(3, [[1, 73]]),
  });
  const { splits } = loadCifar100({
    folder,
    anySize: true,
    trainExamples: 2,
    validationExamples: 1,
  });
  const order = [...imageNumbers(splits.train, 4), ...imageNumbers(splits.validation, 4)];
  t.deepEqual(
    [...splits.train.labels, ...splits.validation.labels],
    order.map((image) => [99, 30, 0][image]),
  );
  t.deepEqual([...splits.test.labels], [73]);
  t.is(splits.test.classes, 100);
});

test('CIFAR: a missing, truncated or wrong file is named, with what is expected and where it is', (t) => {
  const files = cifar10Files();
  const name = 'cifar-10-batches-bin/data_batch_3.bin';
  const sizes = { trainExamples: 15, validationExamples: 5 };
  const official =
    /data_batch_3\.bin \(30,730,000 bytes\) of cifar-10-binary\.tar\.gz \(170,052,171 bytes, MD5 c32a1d4ab5d03f1284b67883e8d87530\).*https:\/\/www\.cs\.toronto\.edu\/~kriz\/cifar\.html.*--data/s;
  for (const [content, anySize, problem] of [
    [null, true, /There is no file .*data_batch_3\.bin or /],
    [Buffer.alloc(3072), true, /3,072 bytes, which are no whole number of images/],
    [Buffer.alloc(0), true, / 0 bytes/],
    [cifarFile(8, [[8], [9], [10], [1]]), true, /data_batch_3\.bin: label 10 of image 2 /],
  ] as const) {
    const others = Object.entries(files).filter(([other]) => other !== name);
    const folder = folderWith({
      ...Object.fromEntries(others),
      ...(content === null ? {} : { [name]: content }),
    });
    const error = t.throws(() => loadCifar10({ folder, anySize, ...sizes }), {
      instanceOf: DataError,
      message: problem,
    });
    t.regex(error.message, official);
  }
  t.throws(() => loadCifar10({ folder: folderWith(files) }), {
    message: /data_batch_1\.bin has 12,292 bytes, not 30,730,000: it is truncated/,
  });
  t.throws(() => loadCifar10({ folder: folderWith(files), anySize: true }), {
    message: /20 examples, which cannot be divided into 45000 \+ 5000/,
  });
});

test('SVHN: extra images are trained on, validation comes from the hard ones, label 10 is 0', async (t) => {
  const options = { folder: fixtureFolder('svhn'), anySize: true, validationExamples: 3 };
  const { splits, normalisation } = await loadSvhn(options);
  const [train, validation] = publishedSubsets(12, [9, 3]);
  t.deepEqual(imageNumbers(splits.train, 12), [...train!, 0, 1, 2, 3, 4]);
  t.deepEqual(imageNumbers(splits.validation, 12), [...validation!]);
  t.deepEqual(
    [...splits.train.labels],
    [...train!, 0, 1, 2, 3, 4].map((image) => (1 + (image % 10)) % 10),
  );
  t.true(splits.train.labels.includes(0));
  t.deepEqual(imageNumbers(splits.test, 12).sort(), [0, 1, 2, 3]);
  t.deepEqual(normalisation, { mean: [0, 0, 0], standardDeviation: [1, 1, 1] });

  const hard = await loadSvhn({ ...options, extra: false, trainExamples: 7, testExamples: 2 });
  t.is(hard.splits.train.length, 7);
  t.is(hard.splits.test.length, 2);
});

test('SVHN: a missing, truncated or wrong file is named', async (t) => {
  const svhn = (name: string) => readFileSync(fixtureFolder(join('svhn', name)));
  const files = {
    'train_32x32.mat': svhn('train_32x32.mat'),
    'test_32x32.mat': svhn('test_32x32.mat'),
    'extra_32x32.mat': svhn('extra_32x32.mat'),
  };
  const { 'extra_32x32.mat': extra, ...withoutExtra } = files;
  const damaged = Buffer.from(extra);
  damaged[400]! ^= 0xff;
  const otherLabels = Buffer.from(files['test_32x32.mat']);
  // The labels of an uncompressed file are its last bytes.
  otherLabels[otherLabels.lastIndexOf(Buffer.from([1, 2, 3, 4]))] = 11;
  for (const [changed, problem] of [
    [withoutExtra, /There is no file .*extra_32x32\.mat\.\nExpected is extra_32x32\.mat/],
    [
      { ...files, 'extra_32x32.mat': extra.subarray(0, 600) },
      /extra_32x32\.mat: .* missing at its end/,
    ],
    [
      { ...files, 'extra_32x32.mat': damaged },
      /extra_32x32\.mat: it cannot be read as a MATLAB file/,
    ],
    [
      { ...files, 'extra_32x32.mat': Buffer.alloc(300) },
      /no header of a little-endian file of level 5/,
    ],
    [{ ...files, 'extra_32x32.mat': Buffer.alloc(30) }, /ends in the middle of a header/],
    [{ ...files, 'test_32x32.mat': otherLabels }, /test_32x32\.mat: label 11 of image 0/],
  ] as const) {
    const folder = folderWith(changed);
    const error = await t.throwsAsync(loadSvhn({ folder, anySize: true, validationExamples: 3 }), {
      instanceOf: DataError,
      message: problem,
    });
    t.regex(error.message, /bytes, MD5 [0-9a-f]{32}.*http:\/\/ufldl\.stanford\.edu/s);
  }
  await t.throwsAsync(loadSvhn({ folder: folderWith(files) }), {
    message: /test_32x32\.mat has 12,536 bytes, not 64,275,384/,
  });
});

test("MNIST's digits stand in the middle of images of SVHN's shape", (t) => {
  const { training } = loadMnist();
  const { name, splits } = loadMnist32({ trainExamples: 50, validationExamples: 20 });
  t.regex(name, /MNIST.*in place of SVHN/);
  t.is(splits.test.length, 10_000);
  const [train] = publishedSubsets(60_000, [50, 20]);
  for (const [i, index] of train!.entries()) {
    t.is(splits.train.labels[i], training.labels[index]);
    const digit = training.images.subarray(index * 784, (index + 1) * 784);
    const expected = Array.from({ length: 32 * 32 * 3 }, (_, at) => {
      const row = Math.floor(at / 96) - 2;
      const column = (Math.floor(at / 3) % 32) - 2;
      const isInside = row >= 0 && row < 28 && column >= 0 && column < 28;
      return isInside ? digit[row * 28 + column] : 0;
    });
    t.deepEqual([...splits.train.images.subarray(i * 3072, (i + 1) * 3072)], expected);
  }
});

test('images that are not there cannot be chosen', (t) => {
  const { splits } = loadMnist32({ trainExamples: 2, validationExamples: 1, testExamples: 1 });
  t.throws(() => chooseImages(splits.train, [0, 2]), {
    instanceOf: RangeError,
    message: /image 2/,
  });
});
