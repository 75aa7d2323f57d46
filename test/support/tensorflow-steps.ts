import * as tf from '@tensorflow/tfjs-node';
import { tensorFlowEngine, type StepOp } from '../../lib/engines/tensorflow.js';
import type { CaseResult } from './engine-comparison.js';
import { dataOf, settingsOf, type StepCase } from './step-cases.js';

/** Runs a case through a TensorFlow op: velocities first out of place, then in place. */
export function runTensorFlow(stepCase: StepCase, op: StepOp): CaseResult {
  const settings = settingsOf(stepCase);
  const engine = tensorFlowEngine(op);
  const data = dataOf(stepCase);
  const result: CaseResult = { ...data, reports: [] };
  tf.tidy(() => {
    const variables = data.parameters.map((array) => tf.variable(tf.tensor1d(array)));
    const gradients = data.gradients.map((array) => array && tf.tensor1d(array));
    let velocities: tf.Tensor[] = data.velocities.map((array) => tf.tensor1d(array));
    let own = false;
    for (let i = 0; i < (stepCase.steps ?? 3); i++) {
      const outcome = engine({
        variables,
        gradients,
        velocities: settings.momentum === 0 ? null : velocities,
        velocitiesInPlace: own,
        loss: stepCase.loss ?? 0.7,
        settings,
      });
      if (outcome.newVelocities) {
        velocities = outcome.newVelocities;
        own = true;
      }
      result.reports.push(outcome.report);
    }
    result.parameters.splice(0, Infinity, ...variables.map((each) => each.dataSync<'float32'>()));
    result.velocities.splice(0, Infinity, ...velocities.map((each) => each.dataSync<'float32'>()));
    tf.dispose(variables);
  });
  return result;
}
