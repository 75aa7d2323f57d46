/**
 * Cases that show the order of additions. Reports are float32 and hide the last bits of a sum, but two
 * comparisons are made in double, and these cases put them on the edge: one value is 2^27, whose square
 * 2^54 has neighbours 4 apart, and a few are 1, so that what is added to 2^54 as 1 or 2 is lost, and what
 * has come together to 3 before is not. The order decides whether the sum is 2^54 or more, and that
 * decides whether the parameters are outside a ball of radius 2^27, and whether (1 + 2^-52) / sum is more
 * than a maximal learning rate of 2^-54.
 */
import { CHUNK_SIZE, LANE_COUNT } from '../../lib/engines/sums.js';
import { aliGCase, type StepCase } from './step-case.js';

const large = 2 ** 27;

const sizesBySeed = [
  // A chunk for each element: the order in which the sums of chunks are added.
  Array.from({ length: 150 }, () => 1),
  [LANE_COUNT],
  [3 * LANE_COUNT + 5],
  [5, 2 * LANE_COUNT, 3],
  [CHUNK_SIZE],
];

/** An addition out of order shows with one seed in six or so; native/test/injected-bugs.js has wrong orders. */
export const orders: readonly StepCase[] = Array.from({ length: 240 }, (_, i) =>
  aliGCase({
    title: `order of additions, seed ${i + 1}`,
    sizes: sizesBySeed[i % sizesBySeed.length]!,
    settings: {
      maxLearningRate: large ** -2,
      momentum: 0,
      epsilon: 0,
      lowerBound: -(2 ** -52),
      maxNorm: large,
    },
    loss: 1,
    orderSeed: i + 1,
    valuesAlone: i >= sizesBySeed.length,
    steps: 1,
  }),
);

/**
 * Overwrites arrays with zeros, one 2^27 and 2 to 7 ones: anywhere, or only where the tree of lanes
 * brings them together with the large one in its last or in its first additions.
 */
export function onEdge(arrays: readonly Float32Array[], random: () => number): void {
  const below = (count: number) => Math.floor(random() * count);
  const places = arrays.flatMap((array) => Array.from(array.keys(), (i) => ({ array, i })));
  for (const array of arrays) array.fill(0);
  const put = (place: number, value: number) => {
    const { array, i } = places[place]!;
    array[i] = value;
  };
  const largePlace = below(places.length);
  const stride = [1, 4, 128][below(3)]!;
  const first = largePlace % stride;
  const sharing = Math.ceil((places.length - first) / stride);
  for (let ones = 2 + below(6); ones > 0; ones--) put(first + below(sharing) * stride, 1);
  put(largePlace, large);
}
