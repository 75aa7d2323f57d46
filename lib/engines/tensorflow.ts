import { backend, scalar, tensor1d, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { addonState } from '#addon';
import { unpackReport } from '../step/report.js';
import { packSettings } from '../step/settings.js';
import { replaceValue, type TensorEngine } from './engine.js';

/** What tfjs-node's backend has beyond tfjs's KernelBackend (nodejs_kernel_backend.ts). */
interface NodeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_ATTR_INT: number };
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: number }[],
    inputs: Tensor[],
    outputCount: number,
  ): Tensor[];
}

function nodeBackend(): NodeBackend {
  return backend() as unknown as NodeBackend;
}

type Registration =
  { readonly opName: string } | { readonly opName: null; readonly problem: string };

let registration: Registration | undefined;

/**
 * Registers our op with the TensorFlow of the current backend, once; never throws.
 * Where it can't be done the result says why.
 */
export function tensorFlowOp(): Registration {
  registration ??= register();
  return registration;
}

function register(): Registration {
  const state = addonState();
  if (!state.addon) return { opName: null, problem: state.report };
  if (nodeBackend().isUsingGpuDevice) {
    return { opName: null, problem: 'TensorFlow uses a GPU, for which there is no op yet.' };
  }
  try {
    return { opName: state.addon.registerTensorFlowOp() };
  } catch (error) {
    return { opName: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The engine for tfjs-node: one call of our op. The op's name comes from {@link tensorFlowOp}. */
export function tensorFlowEngine(opName: string): TensorEngine {
  return (step) => {
    const { variables, gradients, velocities, velocitiesInPlace } = step;
    const node = nodeBackend();
    const positions: number[] = [];
    const given: Tensor[] = [];
    gradients.forEach((gradient, i) => {
      if (!gradient) return;
      positions.push(i);
      given.push(gradient);
    });
    const velocityCount = velocities?.length ?? 0;
    const newVelocityCount = velocitiesInPlace ? 0 : velocityCount;
    const count = (name: string, value: number) => ({
      name,
      type: node.binding.TF_ATTR_INT,
      value,
    });
    // The loss stays where it is: only a number has to be sent.
    const sent = [
      tensor1d(positions, 'int32'),
      ...(typeof step.loss === 'number' ? [scalar(step.loss, 'float32')] : []),
      tensor1d(packSettings(step.settings)),
    ] as const;
    const [positionTensor, ...others] = sent;
    const scalars = typeof step.loss === 'number' ? others : [step.loss, ...others];
    let outputs: Tensor[];
    try {
      outputs = node.executeMultipleOutputs(
        opName,
        [
          count('parameter_count', variables.length),
          count('gradient_count', given.length),
          count('velocity_count', velocityCount),
          count('new_velocity_count', newVelocityCount),
        ],
        [...variables, ...given, ...(velocities ?? []), positionTensor, ...scalars],
        variables.length + newVelocityCount + 1,
      );
    } finally {
      for (const tensor of sent) tensor.dispose();
    }
    const newParameters = outputs.slice(0, variables.length);
    const newVelocities = outputs.slice(variables.length, -1);
    const reportTensor = outputs.at(-1)!;
    // On the CPU the op has finished, and 8 numbers are copied: 3 us.
    const report = unpackReport(reportTensor.dataSync<'float32'>(), 'tensorflow-cpu');
    reportTensor.dispose();

    if (report.status !== 'taken' && report.status !== 'parameterOverflow') {
      for (const output of [...newParameters, ...newVelocities]) output.dispose();
      return { report, deferred: null, newVelocities: null };
    }
    newParameters.forEach((value, i) => {
      replaceValue(variables[i] as Variable, value);
    });
    return {
      report,
      deferred: null,
      newVelocities: newVelocityCount > 0 ? newVelocities : null,
    };
  };
}
