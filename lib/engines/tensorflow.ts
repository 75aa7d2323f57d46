import { backend, scalar, tensor1d, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { addonState } from '#addon';
import { unpackReport, wasWritten, type EngineName } from '../step/report.js';
import { packSettings, type StepSettings } from '../step/settings.js';
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

/** Our op in a process's TensorFlow, and the engine that serves it. */
export interface StepOp {
  readonly opName: string;
  readonly engine: Extract<EngineName, 'tensorflow-cpu' | 'tensorflow-cuda'>;
}

type Registration = StepOp | { readonly opName: null; readonly problem: string };

let registration: Registration | undefined;

/**
 * Registers our op with the TensorFlow of the current backend, once. Where it can't be done the
 * result says why.
 *
 * @throws Error where TFJS_ALIG_THREADS or TFJS_ALIG_INSTRUCTION_SET has a wrong value: that is to
 * be mended, and no reason for another engine.
 */
export function tensorFlowOp(): Registration {
  registration ??= register();
  return registration;
}

function register(): Registration {
  const state = addonState();
  if (!state.addon) return { opName: null, problem: state.report };
  // They throw for a wrong value; out of the op it would come as a status of TensorFlow's.
  state.addon.getThreadCount();
  state.addon.getInstructionSet();
  const usesGpu = nodeBackend().isUsingGpuDevice;
  try {
    return usesGpu
      ? { opName: state.addon.registerTensorFlowCudaOp('GPU'), engine: 'tensorflow-cuda' }
      : { opName: state.addon.registerTensorFlowOp(), engine: 'tensorflow-cpu' };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return {
      opName: null,
      problem: usesGpu
        ? `TensorFlow uses a GPU, and ${problem}. npx tfjs-alig doctor says what to do.`
        : problem,
    };
  }
}

/** The settings' bits: tfjs-node leaves int32 in host memory, where the op's kernels read them. */
function settingsTensor(settings: StepSettings): Tensor {
  return tensor1d(new Int32Array(packSettings(settings).buffer), 'int32');
}

/** The engine for tfjs-node: one call of our op, which comes from {@link tensorFlowOp}. */
export function tensorFlowEngine({ opName, engine }: StepOp): TensorEngine {
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
      settingsTensor(step.settings),
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
    // The op has finished, also on a GPU, and its report is in host memory: 8 numbers, 3 us.
    const report = unpackReport(reportTensor.dataSync<'float32'>(), engine);
    reportTensor.dispose();

    if (!wasWritten(report)) {
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
