/**
 * The table of cases that every engine is compared on. A new case is a row; a new engine runs all
 * of them.
 */
import { CHUNK_SIZE, LANE_COUNT } from '../../lib/step/sums.js';
import { checkedSettings, type SettingOptions } from '../../lib/step/settings.js';
import { randomNumbers } from './random.js';

export interface StepCase {
  readonly title: string;
  readonly sizes: readonly number[];
  /** Magnitudes of parameters, gradients and velocities. Default: 1. */
  readonly parameterScale?: number;
  readonly gradientScale?: number;
  readonly velocityScale?: number;
  /** Positions of tensors without a gradient. Default: none. */
  readonly withoutGradient?: readonly number[];
  /** Default: 0.7. */
  readonly loss?: number;
  /** What differs from the default settings of {@link settingsOf}. */
  readonly settings?: Partial<SettingOptions>;
  /** Steps that are taken one after the other. Default: 3. */
  readonly steps?: number;
  /** Seed of values whose sum of squares depends on the order of additions; see {@link onEdge}. */
  readonly orderSeed?: number;
}

export interface StepData {
  readonly parameters: Float32Array[];
  readonly gradients: (Float32Array | null)[];
  readonly velocities: Float32Array[];
}

const lanes = [LANE_COUNT - 1, LANE_COUNT, LANE_COUNT + 1, 4 * LANE_COUNT - 1, 4 * LANE_COUNT + 1];
const chunks = [CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 5 * CHUNK_SIZE - 7];

const shapes: StepCase[] = [
  { title: 'no tensor', sizes: [] },
  { title: 'one element', sizes: [1] },
  { title: 'an empty tensor alone', sizes: [0] },
  { title: 'an empty tensor first', sizes: [0, 5, 33] },
  { title: 'an empty tensor in the middle', sizes: [5, 0, 33] },
  { title: 'an empty tensor last', sizes: [5, 33, 0] },
  ...lanes.map((size) => ({ title: `${size} elements (lanes)`, sizes: [size] })),
  ...chunks.map((size) => ({ title: `${size} elements (chunks)`, sizes: [size] })),
  { title: 'all border sizes together', sizes: [0, ...lanes, 1, ...chunks, 17] },
  { title: '1,000 tensors', sizes: Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1500) },
  {
    title: 'more chunks than a chunk has elements',
    // Two in three have elements, and so a chunk: 16,500 of 24,750.
    sizes: Array.from({ length: 24_750 }, (_, i) => i % 3),
    steps: 1,
  },
  { title: 'enough for 8 threads', sizes: [600_000, 3, 900_001, 1_300_007], steps: 2 },
  { title: 'one tensor of 30 million', sizes: [30_000_000], steps: 1 },
];

const mixed = [1, 700, LANE_COUNT + 3, CHUNK_SIZE + 5];

const values: StepCase[] = [
  { title: 'denormal gradients', sizes: mixed, gradientScale: 1e-41 },
  {
    title: 'denormal parameters',
    sizes: mixed,
    parameterScale: 1e-40,
    gradientScale: 1e-38,
    velocityScale: 1e-38,
    steps: 2,
  },
  {
    title: 'denormal parameters on several threads',
    sizes: [600_001, 500_000],
    parameterScale: 1e-40,
    gradientScale: 1e-38,
    velocityScale: 1e-38,
    steps: 1,
  },
  {
    title: 'velocities that decay out of the normal range',
    sizes: mixed,
    gradientScale: 0,
    velocityScale: 3e-38,
    steps: 6,
  },
  { title: 'huge gradients', sizes: mixed, gradientScale: 3e38 },
  { title: 'huge parameters', sizes: mixed, parameterScale: 3e38, settings: { maxNorm: 1e30 } },
  {
    title: 'a parameter that overflows',
    sizes: [40, 3],
    parameterScale: 3.4e38,
    velocityScale: 3.4e38,
    steps: 1,
  },
  { title: 'all gradients 0', sizes: mixed, gradientScale: 0 },
  { title: 'all gradients 0, epsilon 0', sizes: mixed, gradientScale: 0, settings: { epsilon: 0 } },
  { title: 'loss 0', sizes: mixed, loss: 0 },
  { title: 'loss below its lower bound', sizes: mixed, loss: -3, settings: { lowerBound: -2 } },
  { title: 'infinite loss', sizes: mixed, loss: Infinity, steps: 1 },
  {
    title: 'an infinite step size',
    sizes: mixed,
    gradientScale: 1e-30,
    settings: { epsilon: 0, maxLearningRate: null },
    steps: 1,
  },
  { title: 'tensors without gradient', sizes: mixed, withoutGradient: [0, 2] },
  {
    title: 'tensors without gradient, projected',
    sizes: mixed,
    withoutGradient: [1, 3],
    settings: { maxNorm: 0.5 },
  },
  {
    title: 'no gradient at all, projected',
    sizes: mixed,
    withoutGradient: [0, 1, 2, 3],
    settings: { maxNorm: 0.5 },
  },
];

const forms: StepCase[] = [
  { title: 'no momentum', sizes: mixed, settings: { momentum: 0 } },
  { title: 'adjusted momentum', sizes: mixed, settings: { adjustedMomentum: true } },
  { title: 'no maximal learning rate', sizes: mixed, settings: { maxLearningRate: null } },
  { title: 'a small maximal learning rate', sizes: mixed, settings: { maxLearningRate: 1e-4 } },
  { title: 'the ball active, no momentum', sizes: mixed, settings: { momentum: 0, maxNorm: 3 } },
  { title: 'the ball active, momentum', sizes: mixed, settings: { maxNorm: 3 } },
  {
    title: 'the ball active, adjusted momentum',
    sizes: mixed,
    settings: { maxNorm: 3, adjustedMomentum: true },
  },
];

/** 2^27, whose square has neighbours 4 apart among the doubles. */
const large = 2 ** 27;

/**
 * Reports are float32 and hide the last bits of a sum. These cases show them: one value is 2^27 and
 * a few are 1, so that what is added to 2^54 as 1 or 2 is lost, and what has come together to 3
 * before is not. The order decides whether the sum is 2^54 or more, and that decides whether the
 * parameters are outside a ball of radius 2^27, and whether (1 + 2^-52) / sum is more than a maximal
 * learning rate of 2^-54.
 */
const orders: StepCase[] = Array.from({ length: 48 }, (_, i) => ({
  title: `order of additions, seed ${i + 1}`,
  sizes:
    i % 6 === 0
      ? // A chunk for each element: the order in which the sums of chunks are added.
        Array.from({ length: 150 }, () => 1)
      : [[LANE_COUNT], [3 * LANE_COUNT + 5], [5, 2 * LANE_COUNT, 3], [CHUNK_SIZE]][i % 4]!,
  settings: {
    maxLearningRate: large ** -2,
    momentum: 0,
    epsilon: 0,
    lowerBound: -(2 ** -52),
    maxNorm: large,
  },
  loss: 1,
  orderSeed: i + 1,
  steps: 1,
}));

export const stepCases: readonly StepCase[] = [...shapes, ...values, ...forms, ...orders];

/**
 * Overwrites arrays with zeros, one 2^27 and 2 to 7 ones: anywhere, or only where the tree of lanes
 * brings them together with the large one in its last or in its first additions.
 */
function onEdge(arrays: readonly Float32Array[], random: () => number): void {
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

/** The settings of a case. */
export function settingsOf(stepCase: StepCase) {
  return checkedSettings('test', {
    maxLearningRate: 0.1,
    momentum: 0.9,
    epsilon: 1e-5,
    lowerBound: 0,
    adjustedMomentum: false,
    maxNorm: null,
    ...stepCase.settings,
  });
}

function generate(stepCase: StepCase): StepData {
  const random = randomNumbers(stepCase.orderSeed ?? 20_200_426);
  const arrays = (scale: number) =>
    stepCase.sizes.map((size) => {
      const array = new Float32Array(size);
      for (let i = 0; i < size; i++) array[i] = (2 * random() - 1) * scale;
      return array;
    });
  const without = new Set(stepCase.withoutGradient);
  const parameters = arrays(stepCase.parameterScale ?? 1);
  const gradients = arrays(stepCase.gradientScale ?? 1);
  if (stepCase.orderSeed !== undefined) {
    onEdge(gradients, random);
    onEdge(parameters, random);
  }
  return {
    parameters,
    gradients: gradients.map((array, i) => (without.has(i) ? null : array)),
    velocities: arrays(stepCase.velocityScale ?? 1),
  };
}

// Of the last case alone: 30 million elements take 2 s to make and 0.1 s to copy.
let generated: { readonly stepCase: StepCase; readonly data: StepData } | undefined;

/** Arrays of a case, the same values at each call; parameters and velocities are fresh copies. */
export function dataOf(stepCase: StepCase): StepData {
  if (generated?.stepCase !== stepCase) generated = { stepCase, data: generate(stepCase) };
  const { parameters, gradients, velocities } = generated.data;
  return {
    parameters: parameters.map((array) => array.slice()),
    gradients,
    velocities: velocities.map((array) => array.slice()),
  };
}
