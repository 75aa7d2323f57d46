import {
  add,
  customGrad,
  div,
  equal,
  exp,
  expandDims,
  expm1,
  log,
  max,
  mul,
  squeeze,
  sub,
  sum,
  tidy,
  where,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { targetsOf } from './targets.js';

/**
 * log(1 + x), x at least 0, to relative accuracy: the kernels log1p of wasm and webgl compute
 * log(1 + x) as it stands, which is 0 for x below 6e-8. The error that 1 + x makes in its rounding
 * is made up for by the quotient (Goldberg, "What Every Computer Scientist Should Know About
 * Floating-Point Arithmetic", theorem 4).
 */
function log1p(x: Tensor): Tensor {
  const rounded = add(x, 1);
  return where(equal(rounded, 1), x, mul(log(rounded), div(x, sub(rounded, 1))));
}

/**
 * The cross-entropy of the softmax of scores, in nats: -sum_j y_j log softmax(s)_j for each example.
 *
 *     model.compile({optimizer: new AliG({maxLearningRate: 0.1}), loss: crossEntropy});
 *     optimizer.minimize(() => crossEntropy(labels, scores).mean());
 *
 * It takes logits: the last layer has no activation. Value and gradient keep their relative accuracy
 * down to the smallest losses, where `log(softmax(scores))` rounds to 0 long before the gradient
 * does; ALI-G divides the one by the square of the other.
 *
 * @param labels Of shape [..., classes], rows that sum to 1: one-hot, or the probabilities of a
 * smoothed label; or class indices, whole numbers from 0, of shape [...] or [..., 1]. float32, int32
 * or bool. No gradient flows to them. An index that is no class gives NaN for its example.
 * @param scores Logits: float32, finite, of shape [..., classes], usually [batch, classes].
 * @returns The loss of each example, at least 0, of shape [...], usually [batch]. tfjs-layers takes
 * their mean (weighted by `classWeight` where it is given); in a loop of your own do the same.
 * @throws TypeError for no tensor or a wrong dtype, RangeError for a shape that does not fit, Error
 * for a disposed tensor.
 */
export function crossEntropy(labels: Tensor, scores: Tensor): Tensor {
  return tidy(() => {
    const targets = targetsOf('crossEntropy', labels, scores);
    const lossOf = customGrad((logits, save) => {
      const [given, keepForGradient] = [logits as Tensor, save as (saved: Tensor[]) => void];
      const differences = sub(given, sum(mul(targets, given), -1, true));
      const largest = max(differences, -1, true);
      const shifted = sub(differences, largest);
      // sum_j exp(shifted_j) - 1 without the cancellation: the target's own part is
      // exp(-largest) - 1, which is exactly 0 where the target has the largest score.
      const others = add(mul(targets, expm1(shifted)), mul(sub(1, targets), exp(shifted)));
      const losses = add(squeeze(largest, [-1]), log1p(sum(others, -1)));
      const logProbabilities = sub(differences, expandDims(losses, -1));
      keepForGradient([targets, logProbabilities]);
      return {
        value: losses,
        // softmax - y, with 1 - softmax of the target computed as -expm1(log softmax).
        gradFunc: (upstream: Tensor, [y, logP]: Tensor[]) =>
          mul(expandDims(upstream, -1), add(mul(sub(1, y!), exp(logP!)), mul(y!, expm1(logP!)))),
      };
    });
    return lossOf(scores);
  });
}
