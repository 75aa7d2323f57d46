import type * as tf from '@tensorflow/tfjs-node';

import type { SeededRandom } from '../seeded-random.js';

/** What a forward pass is for. */
export interface Mode {
  /**
   * True: batch normalisation takes the batch's statistics and moves the running ones, and dropout
   * drops. False: the running statistics are taken, and nothing changes.
   */
  readonly training: boolean;
  /**
   * Where dropout's masks come from in training; a network without dropout takes no number from it.
   * Its state before a step and the batch say all that the step does.
   */
  readonly random?: SeededRandom;
}

/**
 * A network as a training takes it. Its initial weights depend on a seed alone. Variables and
 * statistics are in the order of the published code, and so are saved and restored by their place.
 */
export interface Network<Input> {
  /** What is trained. */
  readonly variables: readonly tf.Variable[];
  /** Running means and variances: saved with the variables, but not trained. */
  readonly statistics: readonly tf.Variable[];
  /** The scores [batch, classes] of a batch, before any softmax. */
  forward(input: Input, mode: Mode): tf.Tensor2D;
  /** Disposes of variables and statistics. */
  dispose(): void;
}
