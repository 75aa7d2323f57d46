import {
  add,
  argMax,
  cast,
  customGrad,
  expandDims,
  greaterEqual,
  mul,
  oneHot,
  softmax,
  sub,
  sum,
  tidy,
  where,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { targetsOf } from './targets.js';

/** The one-hot rows of the largest entries; the first of several. */
function firstLargest(rows: Tensor): Tensor {
  // oneHot can make float32 itself, but on wasm it writes the bits of integers then.
  return cast(oneHot(argMax(rows, -1), rows.shape.at(-1)!), 'float32');
}

/**
 * sum_j xi_j a_j for each example, with the augmented scores a_j = s_j - s_y + [j != y] and weights
 * xi that are constants of the gradient, which is therefore xi - y.
 */
function weightedHinge(
  owner: string,
  labels: Tensor,
  scores: Tensor,
  weightsOf: (augmented: Tensor, scores: Tensor) => Tensor,
): Tensor {
  return tidy(() => {
    const targets = targetsOf(owner, labels, scores);
    const lossOf = customGrad((given, save) => {
      const logits = given as Tensor;
      const margins = sub(logits, sum(mul(targets, logits), -1, true));
      const augmented = add(margins, sub(1, targets));
      const weights = weightsOf(augmented, logits);
      (save as (saved: Tensor[]) => void)([sub(weights, targets)]);
      return {
        value: sum(mul(weights, augmented), -1),
        gradFunc: (upstream: Tensor, [direction]: Tensor[]) =>
          mul(expandDims(upstream, -1), direction!),
      };
    });
    return lossOf(scores);
  });
}

/**
 * The multi-class hinge loss of Crammer and Singer, the loss of a multi-class support vector machine:
 * max_j (s_j - s_y + [j != y]) for each example, y its class. It is exactly 0, with a gradient of
 * exactly 0, where the class leads by a margin of 1: a loss that can be interpolated.
 *
 *     model.compile({optimizer: new AliG({maxLearningRate: 0.1}), loss: hinge});
 *
 * The gradient is that of the first of the largest entries (tfjs's own `max` shares it among ties).
 * As `hinge` in dfw/losses/hinge.py of github.com/oval-group/dfw.
 *
 * @param labels One-hot, of shape [..., classes]; or class indices, whole numbers from 0, of shape
 * [...] or [..., 1]. float32, int32 or bool. No gradient flows to them. An index that is no class
 * gives NaN for its example.
 * @param scores Logits (no softmax before): float32, finite, of shape [..., classes], usually
 * [batch, classes].
 * @returns The loss of each example, at least 0, of shape [...], usually [batch]. tfjs-layers takes
 * their mean (weighted by `classWeight` where it is given); in a loop of your own do the same.
 * @throws TypeError for no tensor or a wrong dtype, RangeError for a shape that does not fit, Error
 * for a disposed tensor.
 */
export function hinge(labels: Tensor, scores: Tensor): Tensor {
  return weightedHinge('hinge', labels, scores, firstLargest);
}

/**
 * The smoothed hinge loss of Deep Frank-Wolfe: sum_j xi_j (s_j - s_y + [j != y]) for each example,
 * xi = softmax(s) taken as a constant (no gradient flows through it), so that every class has a part
 * in the gradient xi - y. Where that sum is negative, it is {@link hinge} instead; so it is at least
 * 0, but not continuous there.
 *
 * Made for the optimiser DFW ("Deep Frank-Wolfe for Neural
 * Network Optimization", Berrada, Zisserman, Kumar; `smooth_hinge` in dfw/losses/hinge.py of
 * github.com/oval-group/dfw).
 *
 * @param labels As of {@link hinge}.
 * @param scores Logits, as of {@link hinge}.
 * @returns The loss of each example, at least 0, of shape [...], usually [batch].
 * @throws As {@link hinge}.
 */
export function smoothedHinge(labels: Tensor, scores: Tensor): Tensor {
  return weightedHinge('smoothedHinge', labels, scores, (augmented, logits) => {
    const smooth = softmax(logits);
    const isUsable = greaterEqual(sum(mul(smooth, augmented), -1, true), 0);
    return where(isUsable, smooth, firstLargest(augmented));
  });
}
