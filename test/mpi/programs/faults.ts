/**
 * A training in which the last rank does something wrong in one step. Tells of each step that it was taken
 * or its error, and at the end the bits of the parameters. Arguments: the fault, 'go-on' to catch errors, and
 * 'shards' where the ranks share the state.
 */
import * as tf from '@tensorflow/tfjs-node';
import { AliG } from '../../../lib/index.js';
import { mpi } from '../../../lib/exports/mpi.js';
import { tell } from '../../support/mpirun.js';
import { bitsOf, makeNetwork } from './network.js';

const [fault, mode, state] = process.argv.slice(2);
const sharesState = state === 'shards';
const { rank, size } = mpi;
const steps = 6;
const faultyStep = 3;
const isFaulty = rank === size - 1;

const network = makeNetwork(1);
const makeOptimizer = (maxLearningRate: number) =>
  new AliG({
    maxLearningRate,
    communicator: mpi,
    onNonFinite: fault === 'nan-skipped' ? 'skip' : 'throw',
  });
const optimizer = makeOptimizer(isFaulty && fault === 'other options' ? 0.2 : 0.1);
if (fault === 'straggler') mpi.timeoutSeconds = 1;
if (fault === 'late') mpi.timeoutSeconds = 60;

/** Keeps this thread, and all of JavaScript with it. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function lossOf(step: number): tf.Scalar {
  const loss = network.loss(step * size + rank);
  if (!isFaulty || step !== faultyStep) return loss;
  switch (fault) {
    case 'nan loss':
      return loss.mul(NaN);
    case 'exception in the loss':
      throw new Error('no data');
    default:
      return loss;
  }
}

async function makeStep(step: number): Promise<void> {
  mpi.shardState = sharesState;
  if (isFaulty && step === faultyStep) {
    switch (fault) {
      case 'killed':
        process.kill(process.pid, 'SIGKILL');
        break;
      case 'exception between steps':
        throw new Error('no data');
      case 'fewer steps':
        process.exit(0);
        break;
      case 'straggler':
        sleep(60_000);
        break;
      case 'late':
        sleep(1500);
        break;
      case 'changed option':
        optimizer.maxLearningRate = 0.3;
        break;
      case 'forgotten step':
        return;
      case 'whole state':
        mpi.shardState = false;
        break;
      case 'saving':
        await optimizer.getWeights();
        return;
      case 'barrier':
        mpi.barrier().catch(() => undefined);
        break;
      default:
    }
  }
  const isNan = isFaulty && step === faultyStep && fault?.startsWith('nan gradient');
  if (isNan || fault === 'nan-skipped' || fault === 'other shapes') {
    const gradients = network.variables.map((variable, i) => ({
      name: variable.name,
      tensor: tf.fill(variable.shape, isFaulty && step === faultyStep && i === 2 ? NaN : 0.01),
    }));
    // One layer less.
    const given = fault === 'other shapes' && isFaulty ? gradients.slice(0, 4) : gradients;
    optimizer.applyGradients(given, { loss: 1 });
  } else {
    optimizer.minimize(() => lossOf(step), false, network.variables);
  }
}

for (let step = 0; step < steps; step++) {
  const before = bitsOf(network.variables);
  try {
    await makeStep(step);
    tell(rank, { step, taken: bitsOf(network.variables) !== before });
  } catch (error) {
    tell(rank, {
      step,
      error: (error as Error).message,
      changed: bitsOf(network.variables) !== before,
    });
    if (mode !== 'go-on') throw error;
  }
  // For the test that interrupts.
  if (fault === 'interrupted') sleep(step === 0 ? 0 : 60_000);
}
tell(rank, {
  bits: bitsOf(network.variables),
  iterations: optimizer.iterations,
  skipped: optimizer.skippedSteps,
});
