import { createOptimizer } from 'tfjs-alig';

import type { TrainingOptimizer } from '../training/step.js';
import type { OptimizerSettings } from './settings.js';

/** Norm that all gradients together are clipped at where the step size is not from the loss. */
const maxGradientNorm = 50;

/**
 * An optimiser as in the paper's experiment: ALI-G without momentum, with epsilon 0; the others with
 * TensorFlow 1's defaults.
 */
export function prepareOptimizer(settings: OptimizerSettings): TrainingOptimizer {
  switch (settings.name) {
    case 'alig': {
      const { maxLearningRate } = settings;
      return createOptimizer('alig', { maxLearningRate, momentum: 0, epsilon: 0 });
    }
    case 'l4adam':
    case 'l4mom':
      return createOptimizer(settings.name, { fraction: settings.fraction });
    case 'sgd':
      return createOptimizer('sgd', { learningRate: settings.learningRate, maxGradientNorm });
    case 'momentum': {
      const { learningRate } = settings;
      return createOptimizer('sgd', { learningRate, momentum: 0.9, maxGradientNorm });
    }
    case 'adam':
      return createOptimizer('adam', {
        learningRate: settings.learningRate,
        epsilonPlacement: 'beforeBiasCorrection',
        maxGradientNorm,
      });
    case 'rmsprop':
      return createOptimizer('rmsprop', {
        learningRate: settings.learningRate,
        decay: 0.9,
        epsilon: 1e-10,
        epsilonPlacement: 'insideSquareRoot',
        initialSquareAverage: 1,
        maxGradientNorm,
      });
    case 'adagrad':
      return createOptimizer('adagrad', {
        learningRate: settings.learningRate,
        initialAccumulator: 0.1,
        epsilonPlacement: 'none',
        maxGradientNorm,
      });
  }
}
