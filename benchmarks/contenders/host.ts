/** fusedAliGStep over Float32Arrays, in place. */
import { fusedAliGStep, type StepReport } from '../../lib/index.js';
import { readInputs, type Workload } from '../step/workload.js';
import { timeSteps, type Runner } from '../worker/protocol.js';

export function prepare(_name: string, input: unknown): Promise<Runner> {
  const workload = input as Workload;
  const { loss, maxLearningRate, momentum, epsilon, maxNorm } = workload;
  const { parameters, gradients } = readInputs(workload);
  const velocities =
    momentum === 0 ? {} : { velocities: parameters.map(({ length }) => new Float32Array(length)) };
  let report: StepReport | undefined;
  const turn = timeSteps(() => {
    report = fusedAliGStep({
      parameters,
      gradients,
      ...velocities,
      loss,
      maxLearningRate,
      momentum,
      epsilon,
      maxNorm,
    });
  });
  return Promise.resolve({
    turn,
    parameters: () => parameters,
    details: () => ({ engine: report!.engine, projected: report!.projected }),
  });
}
