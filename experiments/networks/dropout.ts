import * as tf from '@tensorflow/tfjs-node';

import type { SeededRandom } from '../seeded-random.js';
import { float32, hasTensorFlowOps, int32, runOp } from './tensorflow-ops.js';

/** Uniform numbers from 0 to 1, which the generator's state alone determines. */
function uniforms(shape: readonly number[], random: SeededRandom): tf.Tensor {
  if (!hasTensorFlowOps()) {
    const size = shape.reduce((product, length) => product * length, 1);
    return tf.tensor(
      Float32Array.from({ length: size }, () => random.uniform()),
      [...shape],
    );
  }
  // A counter of TensorFlow's own makes the numbers from two of ours, on all processors.
  const seed = tf.tensor1d([random.below(2 ** 31), random.below(2 ** 31)], 'int32');
  const [numbers] = runOp('StatelessRandomUniform', [tf.tensor1d([...shape], 'int32'), seed], {
    T: int32,
    dtype: float32,
    Tseed: int32,
  });
  return numbers!;
}

/** Sets a share of the elements to 0, at random, and scales the others so that the mean stays. */
export function dropout<Value extends tf.Tensor>(
  x: Value,
  share: number,
  random: SeededRandom,
): Value {
  return tf.tidy(() => {
    const factors = uniforms(x.shape, random)
      .greaterEqual(share)
      .cast('float32')
      .mul(1 / (1 - share));
    return x.mul(factors);
  });
}
