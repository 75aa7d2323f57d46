import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { tensorFlowOp, type StepOp } from '../../../lib/engines/tensorflow.js';

/** The op, which serves the fake GPU; throws where TensorFlow does not use that. */
export function stepOpOnFakeGpu(): StepOp {
  const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice: boolean };
  assert.ok(isUsingGpuDevice, 'TensorFlow uses no GPU');
  const op = tensorFlowOp();
  if (op.opName === null) throw new Error(op.problem);
  assert.equal(op.engine, 'tensorflow-cuda');
  return op;
}
