/**
 * What the contenders compute, over host arrays: by our own step where the formula is ALI-G's, else
 * in double as TensorFlow.js documents it.
 */
import { fusedAliGStep } from '../../lib/index.js';
import type { Formula } from '../contenders/list.js';
import { readInputs, type Workload } from './workload.js';

/** Makes a step over one element; `state` is that element's, zeros before the first step. */
type Update = (value: number, gradient: number, state: [number, number], step: number) => number;

/** The rate and the constants of contenders/tfjs.ts and of tfjs's own defaults. */
const rate = 1e-3;
const updates: Readonly<Record<Exclude<Formula, 'alig'>, Update>> = {
  adam: (value, gradient, state, step) => {
    state[0] = 0.9 * state[0] + 0.1 * gradient;
    state[1] = 0.999 * state[1] + 0.001 * gradient * gradient;
    const mean = state[0] / (1 - 0.9 ** step);
    const square = state[1] / (1 - 0.999 ** step);
    return value - (rate * mean) / (Math.sqrt(square) + 1e-7);
  },
  rmsprop: (value, gradient, state) => {
    state[0] = 0.9 * state[0] + 0.1 * gradient * gradient;
    return value - (rate * gradient) / Math.sqrt(state[0] + 1e-7);
  },
  adagrad: (value, gradient, state, step) => {
    if (step === 1) state[0] = 0.1;
    state[0] += gradient * gradient;
    return value - (rate * gradient) / Math.sqrt(state[0] + 1e-7);
  },
};

/** The parameters after some steps of a formula; `projecting` says whether it has the ball. */
export function expectedParameters(
  workload: Workload,
  formula: Formula,
  projecting: boolean,
  steps: number,
): Float32Array[] {
  const { parameters, gradients } = readInputs(workload);
  if (formula === 'alig') {
    const { loss, maxLearningRate, momentum, epsilon, maxNorm } = workload;
    const velocities = parameters.map(({ length }) => new Float32Array(length));
    for (let step = 0; step < steps; step++) {
      fusedAliGStep({
        parameters,
        gradients,
        ...(momentum !== 0 && { velocities }),
        loss,
        maxLearningRate,
        momentum,
        epsilon,
        maxNorm: projecting ? maxNorm : null,
      });
    }
  } else {
    const update = updates[formula];
    parameters.forEach((values, tensor) => {
      const slopes = gradients[tensor]!;
      const state: [number, number] = [0, 0];
      for (let i = 0; i < values.length; i++) {
        state[0] = state[1] = 0;
        let value = values[i]!;
        for (let step = 1; step <= steps; step++) value = update(value, slopes[i]!, state, step);
        values[i] = value;
      }
    });
  }
  return [...parameters];
}
