import MersenneTwister from 'mersenne-twister';

import { chooseImages, type DataOptions, type ImageSet, type Splits } from './dataset.js';

/** The seed of all splits in the published code, whatever the seed of the run. */
const publishedSeed = 1234;

/**
 * A uniform whole number from 0 to `maximum`, as NumPy's `RandomState` draws it: bits above those of
 * `maximum` are masked, and what is still too large is drawn again.
 */
function below(random: MersenneTwister, maximum: number): number {
  const mask = 2 ** (32 - Math.clz32(maximum)) - 1;
  for (;;) {
    const value = (random.random_int() & mask) >>> 0;
    if (value <= maximum) {
      return value;
    }
  }
}

function shuffle(random: MersenneTwister, values: Int32Array): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = below(random, last);
    const value = values[last]!;
    values[last] = values[other]!;
    values[other] = value;
  }
}

/**
 * Disjoint random subsets of `count` examples, the same as those of the published code:
 * `numpy.random.seed(1234)`, then `choice(count, sum of sizes, replace=False)` and `permutation`, cut
 * into pieces of these sizes.
 * @throws RangeError where the sizes are more than there are examples.
 */
export function publishedSubsets(count: number, sizes: readonly number[]): Int32Array[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.some((size) => !Number.isInteger(size) || size < 1) || total > count) {
    throw new RangeError(
      `There are ${count} examples, which cannot be divided into ${sizes.join(' + ')}: ask for fewer, ` +
        'and for at least one in each part.',
    );
  }
  const random = new MersenneTwister(publishedSeed);
  const all = Int32Array.from({ length: count }, (_, index) => index);
  shuffle(random, all);
  const chosen = all.slice(0, total);
  shuffle(random, chosen);
  let start = 0;
  return sizes.map((size) => chosen.slice(start, (start += size)));
}

/**
 * Training, validation and test set, chosen by {@link publishedSubsets} from all training and all test
 * images.
 * @param paperSizes What is taken where the options name no numbers.
 */
export function divideImages(
  training: ImageSet,
  testing: ImageSet,
  options: Pick<DataOptions, 'trainExamples' | 'validationExamples' | 'testExamples'>,
  paperSizes: { readonly train: number; readonly validation: number },
): Splits<ImageSet> {
  const [train, validation] = publishedSubsets(training.length, [
    options.trainExamples ?? paperSizes.train,
    options.validationExamples ?? paperSizes.validation,
  ]);
  const [test] = publishedSubsets(testing.length, [options.testExamples ?? testing.length]);
  return {
    train: chooseImages(training, train!),
    validation: chooseImages(training, validation!),
    test: chooseImages(testing, test!),
  };
}
