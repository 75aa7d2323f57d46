/** The settings that each rule is tried with: a new rule is a new row. The first row of a rule is its main one. */
import { adaGrad } from '../../lib/rules/adagrad.js';
import { adam, amsGrad } from '../../lib/rules/adam.js';
import { aliG, aliGAdjusted, aliGNesterov } from '../../lib/rules/alig.js';
import { aprox } from '../../lib/rules/aprox.js';
import { bpGrad, bpGradMomentum } from '../../lib/rules/bpgrad.js';
import { dfw, dfwMomentum } from '../../lib/rules/dfw.js';
import { l4Adam, l4Mom } from '../../lib/rules/l4.js';
import { momo, momoAdam } from '../../lib/rules/momo.js';
import {
  rmsProp,
  rmsPropCentered,
  rmsPropCenteredMomentum,
  rmsPropMomentum,
} from '../../lib/rules/rmsprop.js';
import type { Numbers, Rule } from '../../lib/rules/rule.js';
import { sgd, sgdMomentum } from '../../lib/rules/sgd.js';
import { sps, spsSmooth } from '../../lib/rules/sps.js';
import { yogi } from '../../lib/rules/yogi.js';

export interface RuleForm {
  readonly title: string;
  readonly rule: Rule;
  readonly settings: Numbers;
  /** Of the group of the cases that have one, then of the others. */
  readonly groups: readonly Numbers[];
  /** Enough elements for several threads, too: of the formulas whose loops differ. */
  readonly threads?: boolean;
}

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

/** A form of a rule with a given learning rate: what its groups have beside it and the weight decay. */
function given(
  title: string,
  rule: Rule,
  settings: Numbers,
  own: Numbers,
  others: Numbers,
): RuleForm {
  const groups = [
    { learningRate: 0.01, weightDecay: 5e-4, ...own },
    { learningRate: 0.3, weightDecay: 0, ...others },
    { learningRate: 0, weightDecay: 1, ...own },
  ];
  return { title, rule, settings, groups, threads: true };
}

const givenLearningRates: readonly RuleForm[] = [
  given('SGD', sgd, unclipped, {}, {}),
  given(
    'heavy ball',
    sgdMomentum,
    unclipped,
    { momentum: 0.9, dampening: 0.3, nesterov: 0 },
    { momentum: 0.5, dampening: 0, nesterov: 1 },
  ),
  given(
    'Nesterov SGD',
    sgdMomentum,
    unclipped,
    { momentum: 0.9, dampening: 0, nesterov: 1 },
    { momentum: 0.5, dampening: 0.1, nesterov: 0 },
  ),
  given('Adam', adam, adamSettings, moments, otherMoments),
  given(
    'AdamW',
    adam,
    { ...publishedAdamSettings, decoupledWeightDecay: 1 },
    moments,
    otherMoments,
  ),
  given('AMSGrad', amsGrad, adamSettings, moments, otherMoments),
  given('Yogi', yogi, publishedAdamSettings, moments, otherMoments),
  given(
    'AdaGrad',
    adaGrad,
    unclipped,
    { learningRateDecay: 0.1, insideEpsilon: 0, outsideEpsilon: 1e-10 },
    { learningRateDecay: 0.2, insideEpsilon: 0, outsideEpsilon: 1e-3 },
  ),
  given(
    'AdaGrad, no epsilon',
    adaGrad,
    unclipped,
    { learningRateDecay: 0, insideEpsilon: 0, outsideEpsilon: 0 },
    { learningRateDecay: 0.5, insideEpsilon: 0, outsideEpsilon: 0 },
  ),
  given('RMSProp', rmsProp, rmsPropSettings, averages, otherAverages),
  given(
    'RMSProp of TensorFlow',
    rmsProp,
    tensorFlowRmsPropSettings,
    tensorFlowAverages,
    otherAverages,
  ),
  given('RMSProp, momentum', rmsPropMomentum, rmsPropSettings, averages, otherAverages),
  given(
    'RMSProp of TensorFlow, momentum',
    rmsPropMomentum,
    tensorFlowRmsPropSettings,
    tensorFlowAverages,
    otherAverages,
  ),
  given('RMSProp, centered', rmsPropCentered, rmsPropSettings, averages, otherAverages),
  given(
    'RMSProp, centered, momentum',
    rmsPropCenteredMomentum,
    tensorFlowRmsPropSettings,
    tensorFlowAverages,
    otherAverages,
  ),
];

const aliGSettings = { epsilon: 1e-5, lowerBound: 0 };
const aliGGroups = [
  { maxLearningRate: 0.1, momentum: 0.9 },
  { maxLearningRate: 1e-4, momentum: 0.5 },
];

const epsilon = { epsilon: 1e-5 };
const dfwGroups = [
  { learningRate: 1e-4, weightDecay: 0.1, momentum: 0.9 },
  { learningRate: 3, weightDecay: 0, momentum: 0.5 },
];
const bpGradGroups = [
  { learningRate: 0.1, weightDecay: 0.01, momentum: 0.9 },
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
/** Of rules whose settings are the same for all groups: only the step numbers differ. */
const noSettings: readonly Numbers[] = [{}, {}];

const stepSizesFromTheLoss: readonly RuleForm[] = [
  { title: 'ALI-G', rule: aliG, settings: aliGSettings, groups: aliGGroups },
  { title: 'ALI-G, Nesterov', rule: aliGNesterov, settings: aliGSettings, groups: aliGGroups },
  { title: 'ALI-G, adjusted', rule: aliGAdjusted, settings: aliGSettings, groups: aliGGroups },
  { title: 'DFW', rule: dfw, settings: epsilon, groups: dfwGroups },
  { title: 'DFW, momentum', rule: dfwMomentum, settings: epsilon, groups: dfwGroups },
  { title: 'L4Mom', rule: l4Mom, settings: l4MomSettings, groups: l4Groups },
  { title: 'L4Adam', rule: l4Adam, settings: l4AdamSettings, groups: l4Groups, threads: true },
  {
    title: 'APROX',
    rule: aprox,
    settings: { rateFactor: 0.5 },
    groups: [{ learningRate: 1e-3 }, { learningRate: 9 }],
  },
  { title: 'BPGrad', rule: bpGrad, settings: epsilon, groups: bpGradGroups },
  { title: 'BPGrad, momentum', rule: bpGradMomentum, settings: epsilon, groups: bpGradGroups },
  {
    title: 'SPS',
    rule: sps,
    settings: { c: 0.5, epsilon: 1e-8, optimalValue: 0.1, maxStepSize: 1e-4 },
    groups: noSettings,
  },
  {
    title: 'SPS, smooth',
    rule: spsSmooth,
    settings: { c: 0.5, epsilon: 1e-8, growth: 1.2, initialStepSize: 1e-5 },
    groups: noSettings,
  },
  { title: 'MoMo', rule: momo, settings: momoSettings, groups: noSettings },
  {
    title: 'MoMo with bias correction, weight decay and an estimate',
    rule: momo,
    settings: {
      ...momoSettings,
      biasCorrection: 1,
      weightDecay: 0.1,
      estimateLowerBound: 1,
      lowerBound: -0.3,
    },
    groups: noSettings,
  },
  {
    title: 'MoMo-Adam',
    rule: momoAdam,
    settings: momoAdamSettings,
    groups: noSettings,
    threads: true,
  },
  {
    title: 'MoMo-Adam with weight decay and an estimate',
    rule: momoAdam,
    settings: {
      ...momoAdamSettings,
      weightDecay: 0.1,
      estimateLowerBound: 1,
      lowerBound: 0.01,
    },
    groups: noSettings,
  },
  {
    title: 'MoMo-Adam with decoupled weight decay',
    rule: momoAdam,
    settings: { ...momoAdamSettings, weightDecay: 0.1, proximalWeightDecay: 0 },
    groups: noSettings,
  },
];

export const ruleForms: readonly RuleForm[] = [...givenLearningRates, ...stepSizesFromTheLoss];
