/**
 * Run by gpu-of-arrays.test.ts: a step by the CUDA kernel of the TensorFlow op. Prints how it differs from the
 * reference, or its error.
 */
import * as tf from '@tensorflow/tfjs-node';
import { addonState } from '../../lib/platform/addon.js';
import { resultDifference, runReference } from './engine-comparison.js';
import { stepCases } from '../step-cases/table.js';
import { runTensorFlow } from './tensorflow-steps.js';

await tf.setBackend('tensorflow');
const { addon } = addonState();
const opName = addon!.registerTensorFlowCudaOp('CPU');
const stepCase = stepCases.find(({ title }) => title === 'the ball active, momentum')!;
try {
  const computed = runTensorFlow(stepCase, { opName, engine: 'tensorflow-cuda' });
  console.log(resultDifference(computed, runReference(stepCase)) ?? 'no difference');
} catch (error) {
  console.log((error as Error).message);
}
