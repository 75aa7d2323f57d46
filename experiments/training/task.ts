import type * as tf from '@tensorflow/tfjs-node';

import type { SeededRandom } from '../seeded-random.js';
import type { Batch } from './batches.js';

/** What a mini-batch adds to an evaluation. */
export interface BatchEvaluation {
  /** Of its examples together. */
  readonly loss: number;
  /** How many of its answers are right. */
  readonly right: number;
}

/** What is trained. */
export interface Task<Content extends Batch> {
  readonly variables: readonly tf.Variable[];
  /** What training changes without a gradient, such as running means. */
  readonly statistics: readonly tf.Variable[];
  /** The mean loss of a batch, a scalar, from which the gradients come. */
  loss(batch: Content, random: SeededRandom): tf.Scalar;
  /** Tests a batch. Where it is missing, there is no validation and no test. */
  evaluate?(batch: Content): BatchEvaluation;
  dispose(): void;
}
