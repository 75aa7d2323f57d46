import type { OptimizersByName } from 'tfjs-alig';

/** What createOptimizer knows. */
export type OptimizerName = keyof OptimizersByName;

/** A hyper-parameter's value; null: no such bound. */
type Value = number | boolean | string | null;

/** Hyper-parameters that can be chosen for a training, and what they are called. */
export const hyperParameterLabels = {
  learningRate: 'learning rate',
  maxLearningRate: 'maximal learning rate',
  momentum: 'momentum',
  dampening: 'dampening',
  nesterov: "Nesterov's momentum",
  adjustedMomentum: 'adjusted momentum',
  beta1: 'beta1',
  beta2: 'beta2',
  decay: 'decay',
  epsilon: 'epsilon',
  weightDecay: 'weight decay',
  maxGradientNorm: 'gradients clipped at norm',
  learningRateDecay: 'learning-rate decay',
  initialAccumulator: 'initial accumulator',
  initialSquareAverage: 'initial square average',
  centered: 'centred',
  beta: 'beta',
  biasCorrection: 'bias correction',
  estimateLowerBound: 'estimated lower bound',
  lowerBound: 'lower bound',
  optimalValue: 'smallest loss',
  power: 'power of the step number',
  variant: 'variant',
  c: 'c',
  maxStepSize: 'maximal step size',
  gamma: 'gamma',
  batchesPerEpoch: 'batches an epoch',
  initialStepSize: 'initial step size',
  fraction: 'fraction',
  minLossFactor: 'factor of the smallest loss',
  initFactor: 'factor of the first loss',
  minLossForgetTime: 'forget time of the smallest loss',
  gradientTimeScale: 'time scale of the gradients',
  varianceTimeScale: 'time scale of the squares',
  adamEpsilon: 'epsilon of Adam',
  maxNorm: 'L2 ball of radius',
} as const;

export type HyperParameterName = keyof typeof hyperParameterLabels;

/** An optimiser and its hyper-parameters; what is left out has the optimiser's own default. */
export interface OptimizerSettings {
  readonly name: OptimizerName;
  readonly hyperParameters: Readonly<Partial<Record<HyperParameterName, Value>>>;
}

/** What can be chosen of an optimiser. */
interface OptimizerChoice {
  readonly title: string;
  readonly hyperParameters: readonly HyperParameterName[];
  /** The one hyper-parameter without a default. */
  readonly required?: HyperParameterName;
  /** Its step size needs the loss of all examples before each step, and not that of the batch. */
  readonly needsObjective?: true;
}

const ofGivenRate = ['learningRate', 'weightDecay', 'maxGradientNorm', 'epsilon'] as const;
const ofL4 = [
  'fraction',
  'minLossFactor',
  'initFactor',
  'minLossForgetTime',
  'epsilon',
  'weightDecay',
  'gradientTimeScale',
] as const;
const ofMomo = ['learningRate', 'lowerBound', 'estimateLowerBound', 'weightDecay'] as const;
const ofMoments = [...ofGivenRate, 'beta1', 'beta2'] as const;

/** The optimisers that can train, each with what can be chosen. */
export const optimizerChoices: Readonly<Record<OptimizerName, OptimizerChoice>> = {
  alig: {
    title: 'ALI-G',
    hyperParameters: [
      'maxLearningRate',
      'momentum',
      'epsilon',
      'lowerBound',
      'maxNorm',
      'adjustedMomentum',
    ],
  },
  sgd: {
    title: 'SGD',
    hyperParameters: [
      'learningRate',
      'momentum',
      'dampening',
      'nesterov',
      'weightDecay',
      'maxGradientNorm',
    ],
    required: 'learningRate',
  },
  adam: { title: 'Adam', hyperParameters: ofMoments },
  amsgrad: { title: 'AMSGrad', hyperParameters: ofMoments },
  adamw: { title: 'AdamW', hyperParameters: ofMoments },
  yogi: { title: 'Yogi', hyperParameters: ofMoments },
  adagrad: {
    title: 'AdaGrad',
    hyperParameters: [...ofGivenRate, 'learningRateDecay', 'initialAccumulator'],
  },
  rmsprop: {
    title: 'RMSProp',
    hyperParameters: [...ofGivenRate, 'decay', 'momentum', 'centered', 'initialSquareAverage'],
  },
  aprox: { title: 'APROX', hyperParameters: ['learningRate', 'power'] },
  dfw: {
    title: 'DFW',
    hyperParameters: ['learningRate', 'momentum', 'weightDecay', 'epsilon'],
    required: 'learningRate',
  },
  bpgrad: {
    title: 'BPGrad',
    hyperParameters: ['learningRate', 'momentum', 'weightDecay', 'epsilon'],
    required: 'learningRate',
  },
  sps: {
    title: 'SPS',
    hyperParameters: [
      'variant',
      'c',
      'epsilon',
      'maxStepSize',
      'optimalValue',
      'gamma',
      'batchesPerEpoch',
      'initialStepSize',
    ],
  },
  l4adam: { title: 'L4Adam', hyperParameters: [...ofL4, 'varianceTimeScale', 'adamEpsilon'] },
  l4mom: { title: 'L4Mom', hyperParameters: ofL4 },
  momo: { title: 'MoMo', hyperParameters: [...ofMomo, 'beta', 'biasCorrection'] },
  momoadam: { title: 'MoMo-Adam', hyperParameters: [...ofMomo, 'beta1', 'beta2', 'epsilon'] },
  polyak: { title: 'Polyak', hyperParameters: ['optimalValue'], needsObjective: true },
  obermanprazeres: {
    title: 'Oberman and Prazeres',
    hyperParameters: ['optimalValue'],
    needsObjective: true,
  },
};

/** An optimiser and what was chosen of it, in words. */
export function describeOptimizer({ name, hyperParameters }: OptimizerSettings): string {
  const chosen = Object.entries(hyperParameters).flatMap(([hyperParameter, value]) => {
    const label = hyperParameterLabels[hyperParameter as HyperParameterName];
    if (hyperParameter === 'maxLearningRate' && value === null) return `no ${label}`;
    // What is off, and the usual bound of a loss.
    if (value === null || value === false) return [];
    if (hyperParameter === 'lowerBound' && value === 0) return [];
    if (value === true) return label;
    if (typeof value === 'string') return `${label} ${value}`;
    return `${label} ${value !== 0 && value < 1e-3 ? value.toExponential() : String(value)}`;
  });
  const { title } = optimizerChoices[name];
  return `${title}: ${chosen.length > 0 ? chosen.join(', ') : 'default hyper-parameters'}`;
}
