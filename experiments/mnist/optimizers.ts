import type { OptimizersByName } from 'tfjs-alig';

/** What createOptimizer knows. */
export type OptimizerName = keyof OptimizersByName;

/** A hyper-parameter's value; null: no such bound. */
type Value = number | boolean | null;

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
  lowerBound: 'lower bound',
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
}

const ofGivenRate = ['learningRate', 'weightDecay', 'maxGradientNorm', 'epsilon'] as const;
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
    return `${label} ${value !== 0 && value < 1e-3 ? value.toExponential() : String(value)}`;
  });
  const { title } = optimizerChoices[name];
  return `${title}: ${chosen.length > 0 ? chosen.join(', ') : 'default hyper-parameters'}`;
}
