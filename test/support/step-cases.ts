/**
 * The table of cases that every engine is compared on. A new case is a row; a new engine runs all
 * of them.
 */
import { CHUNK_SIZE, LANE_COUNT } from '../../lib/engines/sums.js';
import { adaGrad } from '../../lib/rules/adagrad.js';
import { adam, amsGrad } from '../../lib/rules/adam.js';
import {
  rmsProp,
  rmsPropCentered,
  rmsPropCenteredMomentum,
  rmsPropMomentum,
} from '../../lib/rules/rmsprop.js';
import { aliGAdjusted, aliGNesterov } from '../../lib/rules/alig.js';
import { aprox } from '../../lib/rules/aprox.js';
import { bpGrad, bpGradMomentum } from '../../lib/rules/bpgrad.js';
import { dfw, dfwMomentum } from '../../lib/rules/dfw.js';
import { l4Adam, l4Mom } from '../../lib/rules/l4.js';
import { momo, momoAdam } from '../../lib/rules/momo.js';
import type { Numbers, Rule } from '../../lib/rules/rule.js';
import { sgd, sgdMomentum } from '../../lib/rules/sgd.js';
import { yogi } from '../../lib/rules/yogi.js';
import { sps, spsSmooth } from '../../lib/rules/sps.js';
import { aliGStep, type FusedAliGStepSettings } from '../../lib/step/alig-step.js';
import { MOST_SCALARS, type RuleStep } from '../../lib/rules/rule-step.js';
import { randomNumbers } from './random.js';

export interface StepCase {
  readonly title: string;
  readonly sizes: readonly number[];
  /** Magnitudes of parameters, gradients and state. Default: 1. */
  readonly parameterScale?: number;
  readonly gradientScale?: number;
  readonly velocityScale?: number;
  /** Positions of tensors without a gradient. Default: none. */
  readonly withoutGradient?: readonly number[];
  /** Default: 0.7. */
  readonly loss?: number;
  /** What differs from the default settings of ALI-G in {@link stepOf}. */
  readonly settings?: FusedAliGStepSettings;
  /** Another rule than ALI-G. */
  readonly of?: RuleCase;
  /** Steps that are taken one after the other. Default: 3. */
  readonly steps?: number;
  /** Seed of values whose sum of squares depends on the order of additions; see {@link onEdge}. */
  readonly orderSeed?: number;
}

/** A rule with settings; tensors belong to its groups in turn. */
export interface RuleCase {
  readonly rule: Rule;
  readonly settings: Numbers;
  /** Settings of each group; its variables have taken as many steps as its place says. */
  readonly groups: readonly Numbers[];
  readonly maxNorm?: number;
}

export interface StepData {
  readonly parameters: Float32Array[];
  readonly gradients: (Float32Array | null)[];
  /** The rule's arrays of each tensor, one tensor after the other. */
  readonly state: Float32Array[];
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

const denormalScales = { parameterScale: 1e-40, gradientScale: 1e-38, velocityScale: 1e-38 };

const values: StepCase[] = [
  { title: 'denormal gradients', sizes: mixed, gradientScale: 1e-41 },
  {
    title: 'denormal parameters',
    sizes: mixed,
    ...denormalScales,
    steps: 2,
  },
  {
    title: 'denormal parameters on several threads',
    sizes: [600_001, 500_000],
    ...denormalScales,
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

const unclipped = { maxGradientNorm: Infinity };
const adamSettings = { epsilonBeforeBiasCorrection: 0, decoupledWeightDecay: 0, ...unclipped };
const publishedAdamSettings = { ...adamSettings, epsilonBeforeBiasCorrection: 1 };
const moments = { firstMomentWeight: 0.1, secondMomentWeight: 0.001, epsilon: 1e-8 };
const otherMoments = { firstMomentWeight: 0.2, secondMomentWeight: 0.01, epsilon: 1e-3 };
const rmsPropSettings = { rateInsideMomentum: 0, ...unclipped };
const tensorFlowRmsPropSettings = { ...rmsPropSettings, rateInsideMomentum: 1 };
const averages = { averageWeight: 0.01, insideEpsilon: 0, outsideEpsilon: 1e-8, momentum: 0.9 };
const tensorFlowAverages = { ...averages, insideEpsilon: 1e-10, outsideEpsilon: 0 };
const otherAverages = { ...averages, averageWeight: 0.2, momentum: 0.5 };

/** A form's settings, those of its first group beside rate and weight decay, and of another. */
type GivenLearningRateForm = readonly [
  title: string,
  rule: Rule,
  settings: Numbers,
  own: Numbers,
  others: Numbers,
];

/** The settings of each form of the rules with a given learning rate. */
const givenLearningRateForms: readonly GivenLearningRateForm[] = [
  ['SGD', sgd, unclipped, {}, {}],
  [
    'heavy ball',
    sgdMomentum,
    unclipped,
    { momentum: 0.9, dampening: 0.3, nesterov: 0 },
    { momentum: 0.5, dampening: 0, nesterov: 1 },
  ],
  [
    'Nesterov SGD',
    sgdMomentum,
    unclipped,
    { momentum: 0.9, dampening: 0, nesterov: 1 },
    { momentum: 0.5, dampening: 0.1, nesterov: 0 },
  ],
  ['Adam', adam, adamSettings, moments, otherMoments],
  ['AdamW', adam, { ...publishedAdamSettings, decoupledWeightDecay: 1 }, moments, otherMoments],
  ['AMSGrad', amsGrad, adamSettings, moments, otherMoments],
  ['Yogi', yogi, publishedAdamSettings, moments, otherMoments],
  [
    'AdaGrad',
    adaGrad,
    unclipped,
    { learningRateDecay: 0.1, insideEpsilon: 0, outsideEpsilon: 1e-10 },
    { learningRateDecay: 0.2, insideEpsilon: 0, outsideEpsilon: 1e-3 },
  ],
  [
    'AdaGrad, no epsilon',
    adaGrad,
    unclipped,
    { learningRateDecay: 0, insideEpsilon: 0, outsideEpsilon: 0 },
    { learningRateDecay: 0.5, insideEpsilon: 0, outsideEpsilon: 0 },
  ],
  ['RMSProp', rmsProp, rmsPropSettings, averages, otherAverages],
  ['RMSProp of TensorFlow', rmsProp, tensorFlowRmsPropSettings, tensorFlowAverages, otherAverages],
  ['RMSProp, momentum', rmsPropMomentum, rmsPropSettings, averages, otherAverages],
  [
    'RMSProp of TensorFlow, momentum',
    rmsPropMomentum,
    tensorFlowRmsPropSettings,
    tensorFlowAverages,
    otherAverages,
  ],
  ['RMSProp, centered', rmsPropCentered, rmsPropSettings, averages, otherAverages],
  [
    'RMSProp, centered, momentum',
    rmsPropCenteredMomentum,
    tensorFlowRmsPropSettings,
    tensorFlowAverages,
    otherAverages,
  ],
];

const givenLearningRates = givenLearningRateForms.flatMap((form): StepCase[] => {
  const [name, rule, settings, own, others] = form;
  const group = { learningRate: 0.01, weightDecay: 5e-4, ...own };
  const of = { rule, settings, groups: [group] };
  const groups = [
    group,
    { learningRate: 0.3, weightDecay: 0, ...others },
    { learningRate: 0, weightDecay: 1, ...own },
  ];
  return [
    { title: name, sizes: mixed, of, steps: 4 },
    { title: `${name}, groups`, sizes: mixed, of: { ...of, groups } },
    {
      title: `${name}, tensors without gradient, projected`,
      sizes: mixed,
      of: { ...of, groups, maxNorm: 3 },
      withoutGradient: [0, 2],
    },
    {
      title: `${name}, gradients clipped`,
      sizes: mixed,
      of: { ...of, settings: { ...settings, maxGradientNorm: 0.1 } },
    },
    {
      title: `${name}, gradients below the clipping norm`,
      sizes: mixed,
      of: { ...of, settings: { ...settings, maxGradientNorm: 1e6 } },
    },
    {
      title: `${name}, all gradients 0`,
      sizes: mixed,
      gradientScale: 0,
      of: { ...of, settings: { ...settings, maxGradientNorm: 1 } },
    },
    {
      title: `${name}, no gradient and no state yet`,
      sizes: mixed,
      gradientScale: 0,
      velocityScale: 0,
      of: { ...of, groups: [{ ...group, weightDecay: 0 }] },
    },
    {
      title: `${name}, state that decays out of the normal range`,
      sizes: mixed,
      gradientScale: 1e-30,
      velocityScale: 3e-38,
      of,
      steps: 6,
    },
    { title: `${name}, denormal values`, sizes: mixed, ...denormalScales, of, steps: 2 },
    { title: `${name}, huge gradients`, sizes: mixed, gradientScale: 3e38, of },
    {
      title: `${name}, huge gradients clipped`,
      sizes: mixed,
      gradientScale: 3e38,
      of: { ...of, settings: { ...settings, maxGradientNorm: 1 } },
    },
    {
      title: `${name}, huge state`,
      sizes: [40, 3],
      parameterScale: 3.4e38,
      velocityScale: 3.4e38,
      of,
      steps: 1,
    },
    { title: `${name}, infinite gradients`, sizes: mixed, gradientScale: Infinity, of, steps: 1 },
    { title: `${name}, enough for 8 threads`, sizes: [300_000, 3, 700_001], of, steps: 1 },
  ];
});

/** What each rule must survive whose step size comes from the loss: one group, then two. */
function casesOfRule(title: string, rule: Rule, settings: Numbers, groups: readonly Numbers[]) {
  const oneGroup: RuleCase = { rule, settings, groups: groups.slice(0, 1) };
  const all: RuleCase = { rule, settings, groups };
  const rows: StepCase[] = [
    { title: 'from the first step', sizes: mixed, of: oneGroup, steps: 5 },
    { title: 'all groups', sizes: mixed, of: all, steps: 5 },
    { title: 'the ball active', sizes: mixed, of: { ...oneGroup, maxNorm: 3 } },
    { title: 'tensors without gradient', sizes: mixed, of: all, withoutGradient: [0, 2] },
    {
      title: 'state that decays out of the normal range',
      sizes: mixed,
      of: oneGroup,
      gradientScale: 1e-39,
      velocityScale: 3e-38,
      steps: 6,
    },
    { title: 'denormal parameters', sizes: mixed, of: oneGroup, parameterScale: 1e-40 },
    { title: 'huge gradients', sizes: mixed, of: all, gradientScale: 3e25 },
    { title: 'all gradients 0', sizes: mixed, of: oneGroup, gradientScale: 0, velocityScale: 0 },
    { title: 'loss 0', sizes: mixed, of: oneGroup, loss: 0 },
    { title: 'negative loss', sizes: mixed, of: oneGroup, loss: -0.4 },
    { title: 'infinite gradients', sizes: mixed, of: all, gradientScale: Infinity, steps: 1 },
    { title: 'infinite parameters', sizes: mixed, of: all, parameterScale: Infinity, steps: 1 },
  ];
  return rows.map((row) => ({ ...row, title: `${title}: ${row.title}` }));
}

const dfwSettings = { epsilon: 1e-5 };
const dfwGroups = [
  { learningRate: 1e-4, weightDecay: 0.1, momentum: 0.9 },
  { learningRate: 3, weightDecay: 0, momentum: 0.5 },
];

const l4MomSettings = {
  fraction: 0.15,
  minLossFactor: 0.9,
  initFactor: 0.75,
  minLossForgetTime: 1000,
  epsilon: 1e-12,
  gradientTimeScale: 10,
};
const l4AdamSettings = { ...l4MomSettings, varianceTimeScale: 1000, adamEpsilon: 1e-4 };
const l4Groups = [{ weightDecay: 0.01 }, { weightDecay: 0 }];

const bpGradSettings = { epsilon: 1e-5 };
const bpGradGroups = [
  { learningRate: 0.1, weightDecay: 0.01, momentum: 0.9 },
  { learningRate: 3, weightDecay: 0, momentum: 0.5 },
];

const momoSettings = {
  learningRate: 1,
  averageWeight: 0.1,
  lowerBound: 0,
  biasCorrection: 0,
  estimateLowerBound: 0,
  weightDecay: 0,
};
const momoAdamSettings = {
  learningRate: 0.01,
  averageWeight: 0.1,
  secondMomentWeight: 0.001,
  epsilon: 1e-8,
  lowerBound: 0,
  estimateLowerBound: 0,
  weightDecay: 0,
  proximalWeightDecay: 1,
};
/** Rules whose settings are the same for all groups; variables may differ in their step numbers. */
const noGroupSettings: readonly Numbers[] = [{}, {}];

const lossBasedRules: StepCase[] = [
  ...[aliGNesterov, aliGAdjusted].flatMap((rule) =>
    casesOfRule(rule.name, rule, { epsilon: 1e-5, lowerBound: 0 }, [
      { maxLearningRate: 0.1, momentum: 0.9 },
      { maxLearningRate: 1e-4, momentum: 0.5 },
    ]),
  ),
  ...casesOfRule('dfw', dfw, dfwSettings, dfwGroups),
  ...casesOfRule('dfw-momentum', dfwMomentum, dfwSettings, dfwGroups),
  ...casesOfRule('l4mom', l4Mom, l4MomSettings, l4Groups),
  ...casesOfRule('l4adam', l4Adam, l4AdamSettings, l4Groups),
  ...casesOfRule('aprox', aprox, { rateFactor: 0.5 }, [
    { learningRate: 1e-3 },
    { learningRate: 9 },
  ]),
  ...casesOfRule('bpgrad', bpGrad, bpGradSettings, bpGradGroups),
  ...casesOfRule('bpgrad-momentum', bpGradMomentum, bpGradSettings, bpGradGroups),
  ...casesOfRule('sps', sps, { c: 0.5, epsilon: 1e-8, optimalValue: 0.1, maxStepSize: 1e-4 }, [{}]),
  ...casesOfRule(
    'sps-smooth',
    spsSmooth,
    { c: 0.5, epsilon: 1e-8, growth: 1.2, initialStepSize: 1e-5 },
    [{}],
  ),
  ...casesOfRule('momo', momo, momoSettings, noGroupSettings),
  ...casesOfRule(
    'momo with bias correction, weight decay and an estimate',
    momo,
    {
      ...momoSettings,
      biasCorrection: 1,
      weightDecay: 0.1,
      estimateLowerBound: 1,
      lowerBound: -0.3,
    },
    noGroupSettings,
  ),
  ...casesOfRule('momoadam', momoAdam, momoAdamSettings, noGroupSettings),
  ...casesOfRule(
    'momoadam with weight decay and an estimate',
    momoAdam,
    { ...momoAdamSettings, weightDecay: 0.1, estimateLowerBound: 1, lowerBound: 0.01 },
    noGroupSettings,
  ),
  ...casesOfRule(
    'momoadam with decoupled weight decay',
    momoAdam,
    { ...momoAdamSettings, weightDecay: 0.1, proximalWeightDecay: 0 },
    noGroupSettings,
  ),
  {
    title: 'momoadam: enough for several threads',
    sizes: [600_000, 3, 900_001],
    of: { rule: momoAdam, settings: momoAdamSettings, groups: noGroupSettings },
    steps: 2,
  },
  {
    title: 'l4adam: enough for several threads',
    sizes: [600_000, 3, 900_001],
    of: { rule: l4Adam, settings: l4AdamSettings, groups: l4Groups },
    steps: 2,
  },
];

export const stepCases: readonly StepCase[] = [
  ...shapes,
  ...values,
  ...forms,
  ...orders,
  ...givenLearningRates,
  ...lossBasedRules,
];

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

/** The first step of a case. */
export function stepOf({ settings, of, sizes }: StepCase): RuleStep {
  if (!of) {
    return aliGStep('test', {
      maxLearningRate: 0.1,
      momentum: 0.9,
      epsilon: 1e-5,
      lowerBound: 0,
      adjustedMomentum: false,
      maxNorm: null,
      ...settings,
    });
  }
  const rounded = (numbers: Numbers) =>
    Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Math.fround(value)]));
  return {
    rule: of.rule,
    settings: rounded(of.settings),
    groups: of.groups.map((group, i) => ({ settings: rounded(group), stepNumber: i + 1 })),
    groupOf: of.groups.length === 1 ? null : Int32Array.from(sizes, (_, i) => i % of.groups.length),
    stepNumber: of.groups.length,
    scalars: new Float64Array(MOST_SCALARS),
    maxNorm: Math.fround(of.maxNorm ?? Infinity),
  };
}

/** The step after one that was taken. */
export function nextStep(step: RuleStep, scalars: Float64Array): RuleStep {
  return {
    ...step,
    scalars,
    stepNumber: step.stepNumber + 1,
    groups: step.groups.map(({ settings, stepNumber }) => ({
      settings,
      stepNumber: stepNumber + 1,
    })),
  };
}

/** Arrays of state that hold squares. */
const nonNegative = new Set(['secondMoment', 'maxSecondMoment', 'squareAverage', 'accumulator']);

/** Arrays of state of a case, those of one tensor after the other. */
function stateOf(stepCase: StepCase, arrays: (scale: number) => Float32Array[]): Float32Array[] {
  const lists = stepOf(stepCase).rule.state.map((name) =>
    arrays(stepCase.velocityScale ?? 1).map((array) =>
      nonNegative.has(name) ? array.map(Math.abs) : array,
    ),
  );
  return stepCase.sizes.flatMap((_, i) => lists.map((list) => list[i]!));
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
    state: stateOf(stepCase, arrays),
  };
}

// Of the last case alone: 30 million elements take 2 s to make and 0.1 s to copy.
let generated: { readonly stepCase: StepCase; readonly data: StepData } | undefined;

/** Arrays of a case, the same values at each call; parameters and state are fresh copies. */
export function dataOf(stepCase: StepCase): StepData {
  if (generated?.stepCase !== stepCase) generated = { stepCase, data: generate(stepCase) };
  const { parameters, gradients, state } = generated.data;
  return {
    parameters: parameters.map((array) => array.slice()),
    gradients,
    state: state.map((array) => array.slice()),
  };
}
