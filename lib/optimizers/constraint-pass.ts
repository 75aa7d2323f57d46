/** Constraints that are no part of the fused step: a pass over all variables after it. */
import * as tf from '@tensorflow/tfjs-core';
import type { Projection } from '../constraints/projection.js';
import { replaceValue } from '../engines/engine.js';

type Pass = NonNullable<Projection['pass']>;

/** Whether any element of two lists of tensors differs, a scalar tensor. */
function anyDiffers(before: readonly tf.Tensor[], after: readonly tf.Tensor[]): tf.Tensor {
  const filled = before.flatMap((value, i) => (value.size > 0 ? [i] : []));
  if (filled.length === 0) return tf.scalar(false, 'bool');
  return tf.any(tf.stack(filled.map((i) => tf.any(tf.notEqual(before[i]!, after[i]!)))));
}

/**
 * Projects the variables; says whether that moved one, true where the device is not asked.
 *
 * @param beforeStep Their values before a step of which is not yet known whether it was refused: a
 * variable that still has them stays as it is, since it was in the feasible set then. Null: the step
 * was taken. (A function is called in either case, and leaves alone what is in the set.)
 * @param askDevice Whether to wait for the device.
 */
export function projectVariables(
  pass: Pass,
  variables: readonly tf.Variable[],
  beforeStep: readonly tf.Tensor[] | null,
  askDevice: boolean,
): boolean {
  // A clone shares the buffer, which nothing writes into: assign swaps buffers.
  const before = askDevice ? variables.map((variable) => tf.keep(tf.clone(variable))) : [];
  try {
    if (pass.kind === 'function') {
      tf.tidy(() => {
        pass.project(variables);
      });
    } else {
      const projected = tf.tidy(() =>
        variables.map((variable, i) => {
          const value = pass.project(variable);
          const old = beforeStep?.[i];
          // The tensor itself where nothing is to be done, as for no elements.
          if (!old || value.size === 0) return tf.clone(value);
          return tf.where(tf.any(tf.notEqual(variable, old)), value, variable);
        }),
      );
      variables.forEach((variable, i) => {
        replaceValue(variable, projected[i]!);
      });
    }
    if (!askDevice) return true;
    return tf.tidy(() => anyDiffers(before, variables).dataSync()[0] === 1);
  } finally {
    tf.dispose(before);
  }
}
