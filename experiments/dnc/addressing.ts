/**
 * How heads find their slots in the memory ("Hybrid computing using a neural network with dynamic
 * external memory", Graves et al. 2016), in the form of the published code. Shapes: B elements of a
 * batch, N slots, D numbers a slot, H heads of a kind, R read heads, W write heads.
 */
import * as tf from '@tensorflow/tfjs-node';

/** Keeps norms from 0, quotients finite and usage positive. */
export const epsilon = 1e-6;

/**
 * Computes something through which no gradient flows. tfjs has no operation that stops a gradient,
 * and refuses to differentiate past comparisons, even where nothing depends on their derivative.
 */
function withoutGradient(value: tf.Tensor, compute: (value: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.customGrad((input, save) => {
    // tfjs would dispose of what gradFunc took from its closure.
    (save as tf.GradSaveFunc)([input as tf.Tensor]);
    return {
      value: compute(input as tf.Tensor),
      gradFunc: (_: tf.Tensor, [saved]: tf.Tensor[]) => tf.zerosLike(saved!),
    };
  })(value);
}

/** The tensor's parts along an axis; tfjs's own operation has no gradient where there is one part. */
function unstack(tensor: tf.Tensor, axis: number): tf.Tensor[] {
  return tensor.shape[axis] === 1 ? [tensor.squeeze([axis])] : tensor.unstack(axis);
}

/** The product over an axis, whose gradient also holds where factors are 0. */
function productOver(axis: number, factors: tf.Tensor): tf.Tensor {
  return unstack(factors, axis).reduce((product, factor) => product.mul(factor));
}

function norms(vectors: tf.Tensor): tf.Tensor {
  return vectors.square().sum(-1, true).add(epsilon).sqrt();
}

/**
 * Content addressing: softmax over the slots of the cosine between key and slot, times the
 * strength.
 *
 * @param memory [B, N, D]
 * @param keys [B, H, D]
 * @param strengths [B, H], made positive by a softplus
 * @returns Weights [B, H, N] that add up to 1 for each head.
 */
export function contentWeights(
  memory: tf.Tensor,
  keys: tf.Tensor,
  strengths: tf.Tensor,
): tf.Tensor {
  const products = keys.matMul(memory, false, true);
  const lengths = norms(keys).matMul(norms(memory), false, true);
  const similarities = products.div(lengths.add(epsilon));
  return similarities.mul(strengths.softplus().expandDims(-1)).softmax();
}

/** The order in which slots were written. */
export interface Linkage {
  /** [B, W, N, N]: how far slot i (axis 2) was written right after slot j (axis 3). */
  readonly link: tf.Tensor;
  /** [B, W, N]: how far a slot was the last one to be written. */
  readonly precedence: tf.Tensor;
}

/** The linkage after a write with the weights [B, W, N]. */
export function updateLinkage(writeWeights: tf.Tensor, previous: Linkage): Linkage {
  const slots = writeWeights.shape.at(-1)!;
  const written = writeWeights.expandDims(3);
  const kept = tf.sub(1, written).sub(writeWeights.expandDims(2));
  const link = kept.mul(previous.link).add(written.mul(previous.precedence.expandDims(2)));
  // No slot follows itself.
  const offDiagonal = tf.sub(1, tf.eye(slots));
  const total = writeWeights.sum(-1, true);
  return {
    link: link.mul(offDiagonal),
    precedence: tf.sub(1, total).mul(previous.precedence).add(writeWeights),
  };
}

/**
 * Where read heads get to along the links.
 *
 * @param link [B, W, N, N]
 * @param previousReadWeights [B, R, N]
 * @param forward To the slots that were written next, or else to those written before.
 * @returns Weights [B, R, W, N].
 */
export function directionalWeights(
  link: tf.Tensor,
  previousReadWeights: tf.Tensor,
  forward: boolean,
): tf.Tensor {
  const writeHeads = link.shape[1]!;
  const starts = previousReadWeights.expandDims(1).tile([1, writeHeads, 1, 1]);
  return starts.matMul(link, false, forward).transpose([0, 2, 1, 3]);
}

/**
 * How much each slot is in use: writing fills it, a read head with an open free gate empties it. No
 * gradient flows through the write weights.
 *
 * @param writeWeights [B, W, N] of the step before
 * @param freeGates [B, R], 0 to 1
 * @param readWeights [B, R, N] of the step before
 * @param previousUsage [B, N], 0 to 1
 * @returns [B, N]
 */
export function updateUsage(
  writeWeights: tf.Tensor,
  freeGates: tf.Tensor,
  readWeights: tf.Tensor,
  previousUsage: tf.Tensor,
): tf.Tensor {
  const constantWriteWeights = withoutGradient(writeWeights, (weights) => weights.clone());
  const untouched = productOver(1, tf.sub(1, constantWriteWeights));
  const written = previousUsage.add(tf.sub(1, previousUsage).mul(tf.sub(1, untouched)));
  const retained = productOver(1, tf.sub(1, freeGates.expandDims(-1).mul(readWeights)));
  return written.mul(retained);
}

/**
 * Weights of the slots to write to next, the least used first: slot i gets the share (1 - usage) of
 * what the slots before it have left over. The lower index is first among equals.
 *
 * The published code sorts the slots and takes the cumulative product; tfjs has gradients for
 * neither. Here a comparison of all pairs says what comes before what, and the product is the
 * exponential of a sum of logarithms.
 */
function allocationWeights(usage: tf.Tensor): tf.Tensor {
  const free = tf.sub(1, usage.mul(1 - epsilon).add(epsilon));
  // Not the usage itself: the published code gets it back from what it has sorted, in float32.
  const used = tf.sub(1, free);
  const before = withoutGradient(free, (shares) => {
    const [own, other] = [shares.expandDims(2), shares.expandDims(1)];
    const slots = shares.shape.at(-1)!;
    const lowerIndex = tf.linalg.bandPart(tf.ones([slots, slots]), -1, 0).sub(tf.eye(slots));
    const lessUsed = other.greater(own).cast('float32');
    return lessUsed.add(other.equal(own).cast('float32').mul(lowerIndex));
  });
  const leftOver = before.matMul(used.log().expandDims(2)).squeeze([2]).exp();
  return free.mul(leftOver);
}

/**
 * Allocation weights for all write heads, one after the other: each sees as used what the heads
 * before it are about to write.
 *
 * @param usage [B, N]
 * @param writeGates [B, W]: how much each head will write to the slots that it is allocated
 * @returns [B, W, N]
 */
export function allocationForHeads(usage: tf.Tensor, writeGates: tf.Tensor): tf.Tensor {
  const weights: tf.Tensor[] = [];
  let current = usage;
  for (const gate of unstack(writeGates, 1)) {
    const allocated = allocationWeights(current);
    weights.push(allocated);
    current = current.add(tf.sub(1, current).mul(gate.expandDims(-1)).mul(allocated));
  }
  return tf.stack(weights, 1);
}

/**
 * The memory [B, N, D] after all write heads have erased and then added.
 *
 * @param address [B, W, N], the write weights
 * @param erase [B, W, D], 0 to 1
 * @param values [B, W, D]
 */
export function eraseAndWrite(
  memory: tf.Tensor,
  address: tf.Tensor,
  erase: tf.Tensor,
  values: tf.Tensor,
): tf.Tensor {
  const kept = productOver(1, tf.sub(1, address.expandDims(3).mul(erase.expandDims(2))));
  return memory.mul(kept).add(address.matMul(values, true, false));
}
