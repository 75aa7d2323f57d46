import {
  cast,
  equal,
  greater,
  range,
  reshape,
  scalar,
  sum,
  Tensor,
  where,
} from '@tensorflow/tfjs-core';
import { shown } from '../values/shown.js';

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

function isShape(shape: readonly number[], wanted: readonly number[]): boolean {
  return shape.length === wanted.length && shape.every((size, axis) => size === wanted[axis]);
}

function checkIsTensor(owner: string, name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    throw new TypeError(
      `${owner}: ${name} must be a tf.Tensor, not ${shown(value)}; a loss is called as ` +
        `${owner}(labels, scores).`,
    );
  }
  if (value.isDisposed) {
    throw new Error(`${owner}: ${name} are disposed; keep them until the loss is computed.`);
  }
}

function checkScores(owner: string, scores: unknown): asserts scores is Tensor {
  checkIsTensor(owner, 'scores', scores);
  if (scores.dtype !== 'float32') {
    throw new TypeError(
      `${owner}: scores have dtype ${scores.dtype}; they must be float32 (are labels and scores ` +
        'exchanged? Labels come first).',
    );
  }
  if (scores.rank < 2 || scores.shape.at(-1)! < 2) {
    throw new RangeError(
      `${owner}: scores have shape ${shapeText(scores.shape)}, but must have one row an example ` +
        'and one column a class, at least two: [batch, classes]; add a batch axis to a single ' +
        'example, and a second score to a single one.',
    );
  }
}

/**
 * One row a class: the labels as they are where they have the shape of the scores, else made of
 * class indices. An index that is no class becomes a row of NaN: to look at it here would be to wait
 * for the device, and a row of zeros would pass as an example without loss.
 *
 * @param owner The loss that is named in errors.
 * @param labels Of the shape of the scores (one-hot), or without its last axis, or with 1 in its
 * place (class indices): no two of these agree, because there are at least two classes.
 * @param scores Of shape [..., classes].
 * @returns Float32, of the shape of the scores.
 * @throws TypeError for no tensor or a wrong dtype, RangeError for a shape that does not fit, Error
 * for a disposed tensor.
 */
export function targetsOf(owner: string, labels: unknown, scores: unknown): Tensor {
  checkScores(owner, scores);
  checkIsTensor(owner, 'labels', labels);
  if (labels.dtype !== 'float32' && labels.dtype !== 'int32' && labels.dtype !== 'bool') {
    throw new TypeError(
      `${owner}: labels have dtype ${labels.dtype}; they must be float32, int32 or bool.`,
    );
  }
  if (isShape(labels.shape, scores.shape)) return cast(labels, 'float32');
  const examples = scores.shape.slice(0, -1);
  const classes = scores.shape.at(-1)!;
  if (!isShape(labels.shape, examples) && !isShape(labels.shape, [...examples, 1])) {
    throw new RangeError(
      `${owner}: labels have shape ${shapeText(labels.shape)}, but scores have ` +
        `${shapeText(scores.shape)}; give one-hot labels of shape ${shapeText(scores.shape)} or ` +
        `class indices of shape ${shapeText(examples)}.`,
    );
  }
  const indices = cast(reshape(labels, [...examples, 1]), 'float32');
  const targets = cast(equal(indices, range(0, classes, 1, 'float32')), 'float32');
  return where(greater(sum(targets, -1, true), 0), targets, scalar(NaN));
}
