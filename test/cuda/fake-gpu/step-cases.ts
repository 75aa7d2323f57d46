/** The table of cases, by the op on the fake GPU: bit for bit. */
import * as tf from '@tensorflow/tfjs-node';
import { strict as assert } from 'node:assert';
import { tensorFlowOp } from '../../../lib/engines/tensorflow.js';
import { resultDifference, runReference } from '../../support/engine-comparison.js';
import { stepCases } from '../../step-cases/table.js';
import { runTensorFlow } from '../../support/tensorflow-steps.js';
import { stepOpOnFakeGpu } from './backend.js';

await tf.setBackend('tensorflow');
const op = stepOpOnFakeGpu();

// Each tensor is a copy that comes late, and each thread of a block is a fiber: the few largest cases
// would take minutes. test/cuda/engine-equality.test.ts runs them without TensorFlow's GPU.
const cases = stepCases.filter(
  ({ sizes }) => sizes.length < 1000 && sizes.reduce((sum, size) => sum + size, 0) < 100_000,
);
const differences = cases.flatMap((stepCase) => {
  const computed = runTensorFlow(stepCase, op);
  assert.equal(computed.reports[0]?.engine, 'tensorflow-cuda');
  const difference = resultDifference(computed, runReference(stepCase));
  return difference === undefined ? [] : [`${stepCase.title}: ${difference}`];
});
assert.equal(tensorFlowOp(), op);
assert.deepEqual(differences, []);
console.log(`${cases.length} cases, 0 differences`);
