/** BPGrad in TypeScript, bit for bit the formulas of native/rules/bpgrad.h. */
import * as tf from '@tensorflow/tfjs-core';
import { penalizedGradient, ratio, storedState } from './formula.js';
import {
  defineRule,
  type Decision,
  type PortableDecision,
  type PortableStep,
  type PortableTensor,
  type RuleOf,
} from './rule.js';
import { quotientNoNan } from './number-range.js';
import { innerProducts, scaledNorm } from './scaled-norm.js';

const { fround } = Math;

/** Hyper-parameters of all groups together. */
type BPGradSettings = {
  /** Added to the norm |g|. */
  readonly epsilon: number;
};

/** Hyper-parameters that a group may have of its own. */
type BPGradGroupSettings = {
  /** eta */
  readonly learningRate: number;
  /** lambda */
  readonly weightDecay: number;
  /** mu; the plain form has none. */
  readonly momentum: number;
};

type Coefficients = {
  readonly weightDecay: number;
  readonly stepSize: number;
  readonly momentum: number;
};

type BPGradRule = RuleOf<BPGradSettings, BPGradGroupSettings, number, Coefficients>;

/** Of both forms: the one without momentum has no state. */
function portableForm({
  settings,
  groups,
  loss,
  tensors,
}: PortableStep<BPGradSettings, BPGradGroupSettings>): PortableDecision {
  const decayed = ({ parameter, gradient, group }: PortableTensor) =>
    tf.add(gradient, tf.mul(parameter, groups[group]!.settings.weightDecay));
  const norm = scaledNorm(tensors.map(decayed));
  const penalty = innerProducts(
    tensors.map(({ parameter, group }) => [
      parameter,
      tf.mul(parameter, groups[group]!.settings.weightDecay / 2),
    ]),
  );
  const stepSize = quotientNoNan(tf.add(loss, penalty), tf.add(norm.norm, settings.epsilon));
  return {
    stepSize,
    unclippedStepSize: stepSize,
    clipped: tf.scalar(false, 'bool'),
    sums: [norm.scaledSquares, penalty],
    update(tensor) {
      const { learningRate, momentum } = groups[tensor.group]!.settings;
      const step = tf.mul(decayed(tensor), tf.mul(stepSize, learningRate));
      const [old] = tensor.state;
      if (!old) return { parameter: tf.sub(tensor.parameter, step), state: [] };
      const velocity = tf.sub(tf.mul(old, momentum), step);
      return { parameter: tf.add(tensor.parameter, velocity), state: [velocity] };
    },
  };
}

const stepSize = {
  settings: ['epsilon'],
  groupSettings: ['learningRate', 'weightDecay', 'momentum'],
  scalars: [],
  sums: 3,
  usesLoss: true,
  smallestLoss: () => 0,
  usesStepNumber: false,

  prepare: (_, { settings }) => settings.weightDecay,
  sumFactor: (_, { settings }, sum) => (sum === 2 ? settings.weightDecay / 2 : 1),

  measure(weightDecay, gradient, parameter, _, i, terms) {
    const w = parameter[i]!;
    const decayed = penalizedGradient(weightDecay, gradient[i]!, w);
    terms[0] = decayed * decayed;
    terms[1] = w * w;
  },

  decide({ settings, loss }, sums) {
    const size = ratio(loss + sums[2]!, Math.sqrt(sums[1]!) + settings.epsilon);
    return { stepSize: size, unclippedStepSize: size, clipped: false };
  },

  coefficients: (_, { settings: { learningRate, weightDecay, momentum } }, decision) => ({
    weightDecay,
    stepSize: fround(learningRate * decision.stepSize),
    momentum,
  }),

  portable: portableForm,
} satisfies Omit<BPGradRule, 'name' | 'state' | 'update'>;

/** w = w - eta s g. The published code leaves the parameters as they are without momentum. */
export const bpGrad = defineRule<
  BPGradSettings,
  BPGradGroupSettings,
  number,
  Coefficients,
  Decision
>({
  ...stepSize,
  name: 'bpgrad',
  state: [],
  update({ weightDecay, stepSize: size }, gradient, parameter) {
    for (let i = 0; i < parameter.length; i++) {
      const w = parameter[i]!;
      parameter[i] = w - fround(size * penalizedGradient(weightDecay, gradient[i]!, w));
    }
  },
});

/** v = mu v - eta s g;  w = w + v */
export const bpGradMomentum = defineRule<
  BPGradSettings,
  BPGradGroupSettings,
  number,
  Coefficients,
  Decision
>({
  ...stepSize,
  name: 'bpgrad-momentum',
  state: ['velocity'],
  update({ weightDecay, stepSize: size, momentum }, gradient, parameter, state) {
    const velocity = state[0]!;
    for (let i = 0; i < parameter.length; i++) {
      const w = parameter[i]!;
      const step = fround(size * penalizedGradient(weightDecay, gradient[i]!, w));
      const next = storedState(fround(fround(momentum * velocity[i]!) - step));
      velocity[i] = next;
      parameter[i] = w + next;
    }
  },
});
