import * as tf from '@tensorflow/tfjs-node';
import { AliG } from 'tfjs-alig';

import type { OptimizerSettings } from './settings.js';

/** Norm that all gradients together are clipped at, for all optimisers but ALI-G. */
const baselineGradientNorm = 50;

/** An optimiser and how it is to be used. */
export interface PreparedOptimizer {
  readonly optimizer: tf.Optimizer;
  /** Norm that all gradients together are clipped at; Infinity: they are not. ALI-G ignores it. */
  readonly maxGradientNorm: number;
}

/**
 * An optimiser as in the paper's experiment: ALI-G without momentum, with epsilon 0 and without
 * clipping; tfjs's own ones with TensorFlow 1's defaults, as far as tfjs takes them (its RMSProp
 * starts its mean square at 0 and not at 1).
 */
export function prepareOptimizer(settings: OptimizerSettings): PreparedOptimizer {
  switch (settings.name) {
    case 'alig':
      return {
        optimizer: new AliG({
          maxLearningRate: settings.maxLearningRate,
          momentum: 0,
          epsilon: 0,
        }),
        maxGradientNorm: Infinity,
      };
    case 'sgd':
      return clipped(tf.train.sgd(settings.learningRate));
    case 'momentum':
      return clipped(tf.train.momentum(settings.learningRate, 0.9));
    case 'adam':
      return clipped(tf.train.adam(settings.learningRate, 0.9, 0.999, 1e-8));
    case 'rmsprop':
      return clipped(tf.train.rmsprop(settings.learningRate, 0.9, 0, 1e-10));
    case 'adagrad':
      return clipped(tf.train.adagrad(settings.learningRate, 0.1));
  }
}

function clipped(optimizer: tf.Optimizer): PreparedOptimizer {
  return { optimizer, maxGradientNorm: baselineGradientNorm };
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
