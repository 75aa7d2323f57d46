import * as tf from '@tensorflow/tfjs-node';
import { hostScalars } from '../../lib/engines/engine.js';
import { tensorFlowEngine, type StepOp } from '../../lib/engines/tensorflow.js';
import { runSteps, type CaseResult } from './engine-comparison.js';
import { dataOf } from '../step-cases/data.js';
import type { StepCase } from '../step-cases/step-case.js';

/** Runs a case through a TensorFlow op: state first out of place, then in place. */
export function runTensorFlow(stepCase: StepCase, op: StepOp): CaseResult {
  const engine = tensorFlowEngine(op);
  const data = dataOf(stepCase);
  let steps: Pick<CaseResult, 'reports' | 'scalars'> = { reports: [], scalars: [] };
  tf.tidy(() => {
    const variables = data.parameters.map((array) => tf.variable(tf.tensor1d(array)));
    const gradients = data.gradients.map((array) => array && tf.tensor1d(array));
    let state: tf.Tensor[] = data.state.map((array) => tf.tensor1d(array));
    let own = false;
    steps = runSteps(stepCase, (loss, step) => {
      const { newState, report, newScalars } = engine({
        ...step,
        variables,
        gradients,
        state,
        stateInPlace: own,
        loss,
      });
      if (newState) {
        state = newState;
        own = true;
      }
      return { report, scalars: hostScalars(newScalars) };
    });
    data.parameters.splice(0, Infinity, ...variables.map((each) => each.dataSync<'float32'>()));
    data.state.splice(0, Infinity, ...state.map((each) => each.dataSync<'float32'>()));
    tf.dispose(variables);
  });
  return { ...data, ...steps };
}
