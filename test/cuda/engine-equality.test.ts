/**
 * The CUDA engine, compiled for the CPU under the SIMT shim, gives the bits of the reference: over
 * device buffers, and as the kernel of the TensorFlow op.
 */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { tensorFlowOp } from '../../lib/engines/tensorflow.js';
import { addonState } from '../../lib/platform/addon.js';
import { resultDifference, runDeviceBuffers, runReference } from '../support/engine-comparison.js';
import { testsThatNeed } from '../support/needs.js';
import { simulatedGpu, useSimulatedLibrary } from '../support/simulated-cuda.js';
import { stepCases } from '../step-cases/table.js';
import { runTensorFlow } from '../support/tensorflow-steps.js';

const state = addonState();
if (!state.addon) throw new Error(state.report);
const { addon } = state;

const compare = testsThatNeed(simulatedGpu, await useSimulatedLibrary());

// A thread of a block is a fiber here: 30 million elements would take minutes.
const cases = stepCases.filter(({ sizes }) => sizes.every((size) => size < 10_000_000));

test.before(async () => {
  await tf.setBackend('tensorflow');
});

for (const stepCase of cases) {
  compare(`device buffers: ${stepCase.title}`, (t) => {
    const computed = runDeviceBuffers(stepCase);
    t.is(computed.reports[0]?.engine, 'native-cuda');
    t.is(resultDifference(computed, runReference(stepCase)), undefined);
  });

  compare(`TensorFlow op: ${stepCase.title}`, (t) => {
    const tensors = tf.memory().numTensors;
    const opName = addon.registerTensorFlowCudaOp('CPU');
    const computed = runTensorFlow(stepCase, { opName, engine: 'tensorflow-cuda' });
    t.is(computed.reports[0]?.engine, 'tensorflow-cuda');
    t.is(resultDifference(computed, runReference(stepCase)), undefined);
    t.is(tf.memory().numTensors, tensors);
  });
}

compare('a kernel for the GPU does no harm where TensorFlow has none', (t) => {
  const opName = addon.registerTensorFlowCudaOp('GPU');
  t.deepEqual(tensorFlowOp(), { opName, engine: 'tensorflow-cpu' });
  const stepCase = cases.find(({ title }) => title === 'the ball active, momentum')!;
  const computed = runTensorFlow(stepCase, { opName, engine: 'tensorflow-cpu' });
  t.is(resultDifference(computed, runReference(stepCase)), undefined);
});
