import * as tf from '@tensorflow/tfjs-node';
import { AliG } from 'tfjs-alig';

import type { BaselineName, OptimizerSettings } from './settings.js';

/** Norm that all gradients together are clipped at, for all optimisers but ALI-G. */
const baselineGradientNorm = 50;

/**
 * An optimiser and how it is to be used. Which one it is can't be asked by `instanceof`: tfjs makes
 * that true for every optimiser and every class of optimisers.
 */
export type PreparedOptimizer =
  | { readonly kind: 'alig'; readonly optimizer: AliG }
  | {
      readonly kind: 'clipped';
      readonly optimizer: tf.Optimizer;
      /** Norm that all gradients together are clipped at. */
      readonly maxGradientNorm: number;
    };

function createBaseline(name: BaselineName, learningRate: number): tf.Optimizer {
  switch (name) {
    case 'sgd':
      return tf.train.sgd(learningRate);
    case 'momentum':
      return tf.train.momentum(learningRate, 0.9);
    case 'adam':
      return tf.train.adam(learningRate, 0.9, 0.999, 1e-8);
    case 'rmsprop':
      return tf.train.rmsprop(learningRate, 0.9, 0, 1e-10);
    case 'adagrad':
      return tf.train.adagrad(learningRate, 0.1);
  }
}

/**
 * An optimiser as in the paper's experiment: ALI-G without momentum, with epsilon 0 and without
 * clipping; tfjs's own ones with TensorFlow 1's defaults, as far as tfjs takes them (its RMSProp
 * starts its mean square at 0 and not at 1).
 */
export function prepareOptimizer(settings: OptimizerSettings): PreparedOptimizer {
  if (settings.name === 'alig') {
    const { maxLearningRate } = settings;
    return { kind: 'alig', optimizer: new AliG({ maxLearningRate, momentum: 0, epsilon: 0 }) };
  }
  return {
    kind: 'clipped',
    optimizer: createBaseline(settings.name, settings.learningRate),
    maxGradientNorm: baselineGradientNorm,
  };
}

/** The norm of all tensors together. */
function globalNorm(tensors: readonly tf.Tensor[]): number {
  let sum = 0;
  for (const tensor of tensors) {
    for (const value of tensor.dataSync<'float32'>()) {
      sum += value * value;
    }
  }
  return Math.sqrt(sum);
}

/** The gradients, scaled down together where their norm exceeds the maximum. */
export function clipByGlobalNorm(
  gradients: tf.NamedTensorMap,
  maxNorm: number,
): { readonly norm: number; readonly gradients: tf.NamedTensorMap } {
  const norm = globalNorm(Object.values(gradients));
  const scale = norm > maxNorm ? maxNorm / norm : 1;
  return {
    norm,
    gradients: Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(scale)]),
    ),
  };
}
