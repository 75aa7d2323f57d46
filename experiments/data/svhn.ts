import {
  chooseImages,
  type DataOptions,
  emptyImageSet,
  type ImageData,
  type ImageSet,
} from './dataset.js';
import {
  checkMd5,
  checkSize,
  DataError,
  type DataFile,
  findFile,
  type Source,
  withThousands,
} from './files.js';
import { readMatlabFile } from './matlab.js';
import { publishedSubsets } from './published-split.js';

const shape = [32, 32, 3] as const;
const imageBytes = shape[0] * shape[1] * shape[2];
const classes = 10;

const source: Source = {
  name: 'SVHN, cropped digits',
  page: 'http://ufldl.stanford.edu/housenumbers/',
  archive: null,
  folder: null,
};

const files = {
  train: {
    name: 'train_32x32.mat',
    bytes: 182_040_794,
    md5: 'e26dedcc434d2e4c54c9b2d4a06d8373',
  },
  extra: {
    name: 'extra_32x32.mat',
    bytes: 1_329_278_602,
    md5: 'a93ce644f1a588dc4d68dda5feec44a7',
  },
  test: {
    name: 'test_32x32.mat',
    bytes: 64_275_384,
    md5: 'eb5a983be6a315427106f1b164d9cef3',
  },
} as const satisfies Record<string, DataFile>;

/** The paper's number of images taken from the training file for validation. */
const paperValidation = 6_000;

/** Where each value of an image, in MATLAB's order (column-major), goes in ours. */
const places = Uint16Array.from({ length: imageBytes }, (_, position) => {
  const [height, width, channels] = shape;
  const row = position % height;
  const column = Math.floor(position / height) % width;
  const channel = Math.floor(position / (height * width));
  return (row * width + column) * channels + channel;
});

/** What is read of a file: image after image into `images`, from its beginning on. */
type Destination = Pick<ImageSet, 'images' | 'labels'>;

/** Reads images and labels into the arrays that are made when their number is known. */
async function readDigits(
  { folder, anySize = false }: DataOptions,
  file: DataFile,
  allocate: (count: number) => Destination,
): Promise<void> {
  const path = findFile(folder, source, file);
  if (!anySize) {
    checkSize(path, source, file);
    await checkMd5(path, source, file);
  }
  const fail = (problem: string): never => {
    throw new DataError(`${path}: ${problem}`, source, file);
  };
  let destination: Destination | null = null;
  let imageCount = 0;
  let labels: Float64Array | null = null;
  try {
    for await (const variable of readMatlabFile(path)) {
      if (variable.name === 'X') {
        const [height, width, channels, count = 1] = variable.dimensions;
        if (height !== shape[0] || width !== shape[1] || channels !== shape[2]) {
          fail(
            `X has the dimensions ${variable.dimensions.join(' x ')}, not 32 x 32 x 3 x images.`,
          );
        }
        imageCount = count;
        destination = allocate(count);
        let image = 0;
        let position = 0;
        for await (const piece of variable.bytes()) {
          for (const value of piece) {
            destination.images[image + places[position]!] = value;
            position += 1;
            if (position === imageBytes) {
              position = 0;
              image += imageBytes;
            }
          }
        }
      } else if (variable.name === 'y') {
        labels = await variable.numbers();
      }
    }
  } catch (error) {
    if (error instanceof DataError) {
      throw error;
    }
    fail(`it cannot be read as a MATLAB file: ${(error as Error).message}`);
  }
  if (destination === null || labels === null) {
    throw new DataError(`${path} holds no X (images) and y (labels).`, source, file);
  }
  if (labels.length !== imageCount) {
    fail(`${withThousands(labels.length)} labels do not fit ${withThousands(imageCount)} images.`);
  }
  for (const [index, label] of labels.entries()) {
    if (!Number.isInteger(label) || label < 1 || label > classes) {
      fail(`label ${label} of image ${index} is none of 1 to 10 (which stands for the digit 0).`);
    }
    destination.labels[index] = label % classes;
  }
}

async function readSet(options: DataOptions, file: DataFile): Promise<ImageSet> {
  let set = emptyImageSet(0, shape, classes);
  await readDigits(options, file, (count) => (set = emptyImageSet(count, shape, classes)));
  return set;
}

/**
 * SVHN's cropped digits from the official MATLAB files: 32 x 32 x 3, the digits 0 to 9. As in the
 * paper, 6,000 images of the training file are for validation, chosen as in the published code; the
 * others (67,257) and all of the extra file (531,131) are trained on; 26,032 to test. Values are only
 * scaled to [0, 1]. Sizes, MD5, dimensions and labels are checked. Loading takes 2.5 GB of
 * memory at most; the data set has 1.9 GB.
 *
 * `trainExamples` is the number of those from the training file, beside the extra ones.
 * @param options.extra Whether the extra file is trained on too. Default: yes.
 * @throws DataError where a file is missing or wrong.
 * @see http://ufldl.stanford.edu/housenumbers/
 */
export async function loadSvhn(
  options: DataOptions & { readonly extra?: boolean },
): Promise<ImageData> {
  const { extra = true, validationExamples = paperValidation } = options;
  const testing = await readSet(options, files.test);
  const hard = await readSet(options, files.train);
  const { trainExamples = hard.length - validationExamples } = options;
  const [trainIndices, validationIndices] = publishedSubsets(hard.length, [
    trainExamples,
    validationExamples,
  ]);
  const [testIndices] = publishedSubsets(testing.length, [options.testExamples ?? testing.length]);
  let train = chooseImages(hard, trainIndices!);
  if (extra) {
    // One array from the start: a copy of the extra images would take 1.6 GB more.
    const chosen = train;
    await readDigits(options, files.extra, (count) => {
      train = emptyImageSet(chosen.length + count, shape, classes);
      train.images.set(chosen.images);
      train.labels.set(chosen.labels);
      return {
        images: train.images.subarray(chosen.images.length),
        labels: train.labels.subarray(chosen.length),
      };
    });
  }
  return {
    name: 'SVHN',
    splits: {
      train,
      validation: chooseImages(hard, validationIndices!),
      test: chooseImages(testing, testIndices!),
    },
    normalisation: { mean: [0, 0, 0], standardDeviation: [1, 1, 1] },
  };
}
