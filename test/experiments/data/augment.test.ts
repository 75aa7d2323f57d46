import test from 'ava';

import { cifarAugmentation, ImageBatches } from '../../../experiments/data/augment.js';
import { emptyImageSet, type ImageSet } from '../../../experiments/data/dataset.js';

const normalisation = { mean: [0.5, 0.25], standardDeviation: [0.5, 2] };
const height = 8;
const width = 6;
const size = height * width * 2;

/** Images whose every value differs from all others of the image, none black. */
function numberedImages(length: number): ImageSet {
  const set = emptyImageSet(length, [height, width, 2], 10);
  for (const i of set.images.keys()) {
    set.images[i] = 1 + (i % size);
  }
  return set;
}

function normalise(value: number, channel: number): number {
  const { mean, standardDeviation } = normalisation;
  return Math.fround((value / 255 - mean[channel]!) / standardDeviation[channel]!);
}

/** An image after a shift and, then, a mirroring, pixel by pixel. */
function changed(down: number, right: number, isMirrored: boolean): number[] {
  return Array.from({ length: size }, (_, at) => {
    const channel = at % 2;
    const column = Math.floor(at / 2) % width;
    const row = Math.floor(at / 2 / width) + down;
    const from = (isMirrored ? width - 1 - column : column) + right;
    const isInside = row >= 0 && row < height && from >= 0 && from < width;
    return normalise(isInside ? 1 + (row * width + from) * 2 + channel : 0, channel);
  });
}

function batch(
  set: ImageSet,
  indices: readonly number[],
  augmentation: { seed: number; epoch: number } | null,
): number[][] {
  const target = new Float32Array(indices.length * size + 5).fill(-99);
  new ImageBatches(normalisation).fill(
    {
      set,
      indices,
      augmentation: augmentation === null ? null : { padding: 2, flip: true, ...augmentation },
    },
    target,
  );
  return indices.map((_, row) => [...target.subarray(row * size, (row + 1) * size)]);
}

test("without augmentation a batch is the set's images, scaled and normalised", (t) => {
  const set = numberedImages(3);
  t.deepEqual(batch(set, [2, 0], null), [changed(0, 0, false), changed(0, 0, false)]);
});

test('an augmented image is one of the crops of the padded image, or its mirror image', (t) => {
  const images = 900;
  const kinds = new Map<string, number>();
  for (let down = -2; down <= 2; down++) {
    for (let right = -2; right <= 2; right++) {
      for (const isMirrored of [false, true]) {
        kinds.set(changed(down, right, isMirrored).join(), 0);
      }
    }
  }
  t.is(kinds.size, 50);
  const set = numberedImages(images);
  const indices = Array.from({ length: images }, (_, index) => index);
  for (const image of batch(set, indices, { seed: 3, epoch: 1 })) {
    const kind = image.join();
    t.true(kinds.has(kind));
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  // 18 of each on average; the counts of one fixed seed.
  t.true(
    [...kinds.values()].every((count) => count >= 5 && count <= 40),
    [...kinds.values()].join(),
  );
});

test('augmentation depends on seed, epoch and image, not on batch and order', (t) => {
  const set = numberedImages(40);
  const indices = Array.from({ length: 40 }, (_, index) => index);
  const together = batch(set, indices, { seed: 1, epoch: 2 });
  const reversed = batch(set, indices.toReversed(), { seed: 1, epoch: 2 }).toReversed();
  t.deepEqual(reversed, together);
  t.deepEqual(batch(set, [17], { seed: 1, epoch: 2 }), [together[17]]);
  t.notDeepEqual(batch(set, indices, { seed: 1, epoch: 3 }), together);
  t.notDeepEqual(batch(set, indices, { seed: 2, epoch: 2 }), together);
  // Seeds and epochs do not stand for each other.
  t.notDeepEqual(batch(set, indices, { seed: 2, epoch: 1 }), together);
});

test("the paper's augmentation is 4 pixels of padding and mirroring", (t) => {
  t.deepEqual(cifarAugmentation, { padding: 4, flip: true });
});

test('a batch that does not fit is an error', (t) => {
  const set = numberedImages(2);
  const batches = new ImageBatches(normalisation);
  const plain = { set, augmentation: null };
  t.throws(
    () => {
      batches.fill({ ...plain, indices: [0, 1] }, new Float32Array(2 * size - 1));
    },
    { instanceOf: RangeError, message: /2 images of 8 x 6 x 2 values/ },
  );
  t.throws(
    () => {
      batches.fill({ ...plain, indices: [2] }, new Float32Array(size));
    },
    { instanceOf: RangeError, message: /no image 2 among 2/ },
  );
});
