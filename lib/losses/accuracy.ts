import { argMax, cast, equal, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { targetsOf } from './targets.js';

/**
 * Whether the largest score is that of the class, for each example: 1 or 0.
 *
 *     model.compile({optimizer, loss: crossEntropy, metrics: [accuracy]});
 *
 * It takes class indices as well as one-hot labels, as the losses do. The metric 'accuracy' of
 * tfjs-layers takes one-hot labels alone beside a loss that is a function: of indices it makes the
 * share of examples whose prediction is class 0.
 *
 * @param labels As of {@link crossEntropy}. An index that is no class counts as class 0.
 * @param scores Logits or probabilities: float32, of shape [..., classes], usually [batch, classes].
 * @returns float32 of shape [...], usually [batch]; tfjs-layers takes their mean.
 * @throws As {@link crossEntropy}.
 */
export function accuracy(labels: Tensor, scores: Tensor): Tensor {
  return tidy(() => {
    const targets = targetsOf('accuracy', labels, scores);
    return cast(equal(argMax(targets, -1), argMax(scores, -1)), 'float32');
  });
}
