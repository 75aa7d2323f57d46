/** The sentence encoder in tfjs's operations: to be read, and for backends other than tfjs-node's. */
import * as tf from '@tensorflow/tfjs-node';

import {
  type BidirectionalWeights,
  longest,
  type LstmWeights,
  type Sentences,
} from './sentences.js';

/** Hidden states [batch, words, units] of one direction, zero after a sentence's end. */
function statesOf(sentences: Sentences, weights: LstmWeights, backwards: boolean): tf.Tensor3D {
  const { words } = sentences;
  const [batch, , embedding] = words.shape;
  const count = longest(sentences);
  const lengths = tf.tensor2d(Array.from(sentences.lengths), [batch, 1]);
  const units = weights.recurrentKernel.shape[0];
  let hidden: tf.Tensor = tf.zeros([batch, units]);
  let cell: tf.Tensor = tf.zeros([batch, units]);
  const states: tf.Tensor[] = [];
  const bias = weights.bias.add(weights.recurrentBias);
  for (let step = 0; step < count; step++) {
    const at = backwards ? count - 1 - step : step;
    const word = words.slice([0, at, 0], [batch, 1, embedding]).reshape([batch, embedding]);
    const raw = tf.matMul(word, weights.kernel).add(tf.matMul(hidden, weights.recurrentKernel));
    const [input, forget, candidate, output] = tf.split(raw.add(bias), 4, 1);
    // Going backwards a sentence starts with its last word, from zero.
    const inside = lengths.greater(at).cast('float32');
    cell = forget!.sigmoid().mul(cell).add(input!.sigmoid().mul(candidate!.tanh())).mul(inside);
    hidden = output!.sigmoid().mul(cell.tanh()).mul(inside);
    states[at] = hidden;
  }
  return tf.stack(states, 1) as tf.Tensor3D;
}

/**
 * Hidden states [batch, words of the longest sentence, 2 units] of both directions, zero after a
 * sentence's end.
 */
export function bidirectionalStates(
  sentences: Sentences,
  { forward, backward }: BidirectionalWeights,
): tf.Tensor3D {
  return tf.tidy(() =>
    tf.concat3d([statesOf(sentences, forward, false), statesOf(sentences, backward, true)], 2),
  );
}

/**
 * The sentences [batch, 2 units]: the maximum over the states. As in the published code, the zeros
 * after a sentence's end take part, so that a sentence depends on whether its batch has longer ones.
 */
export function encodeInOps(sentences: Sentences, weights: BidirectionalWeights): tf.Tensor2D {
  return tf.tidy(() => bidirectionalStates(sentences, weights).max<tf.Tensor2D>(1));
}
