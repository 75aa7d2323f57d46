import {
  backend,
  scalar,
  tensor1d,
  zeros,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { wasWritten, type EngineName } from '../rules/report.js';
import { unpackReport, unpackScalars } from '../rules/result.js';
import { packGroups, packStep, smallestLossOf } from '../rules/rule-step.js';
import { addonForSteps } from './addon.js';
import { noShards, packShards, packTerms } from './exchange-words.js';
import {
  changedShape,
  hostScalars,
  replaceValue,
  type Averager,
  type TensorEngine,
} from './engine.js';

/** What tfjs-node's backend has beyond tfjs's KernelBackend (nodejs_kernel_backend.ts). */
interface NodeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_ATTR_INT: number };
  /** Of each tensor's data, as TensorFlow has them. */
  readonly tensorMap: { get(dataId: object): { readonly shape: readonly number[] } };
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

type Registration =
  StepOp | { readonly opName: null; readonly engine?: never; readonly problem: string };

let registration: Registration | undefined;

/**
 * Registers our op with the TensorFlow of the current backend, once. Where it can't be done the
 * result says why.
 *
 * @throws Error where TFJS_ALIG_THREADS or TFJS_ALIG_INSTRUCTION_SET has a wrong value: the caller has to
 * fix that, and it is no reason for another engine.
 */
export function tensorFlowOp(): Registration {
  registration ??= register();
  return registration;
}

function register(): Registration {
  const state = addonForSteps();
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
        ? `TensorFlow uses a GPU, and ${problem}. The command tfjs-alig doctor says what to do.`
        : problem,
    };
  }
}

function checkShape({ tensorMap }: NodeBackend, tensor: Tensor): void {
  const { shape } = tensorMap.get(tensor.dataId);
  if (shape.length === tensor.shape.length && shape.every((size, i) => size === tensor.shape[i])) {
    return;
  }
  throw changedShape(tensor, `of shape [${shape.join(', ')}]`);
}

/** What an op has failed with, without tfjs-node's "Invalid TF_Status: 13\nMessage: " before it. */
function opMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^Invalid TF_Status: \d+\s+Message: /, '');
}

function countAttribute({ binding }: NodeBackend, name: string, value: number) {
  return { name, type: binding.TF_ATTR_INT, value };
}

/** The engine for tfjs-node: one call of our op, which comes from {@link tensorFlowOp}. */
export function tensorFlowEngine({ opName, engine }: StepOp): TensorEngine {
  return (step) => {
    const { variables, gradients, state, stateInPlace, shards } = step;
    const node = nodeBackend();
    const positions: number[] = [];
    const given: Tensor[] = [];
    gradients.forEach((gradient, i) => {
      if (!gradient) return;
      positions.push(i);
      given.push(gradient);
    });
    for (const tensor of [...variables, ...given, ...state]) checkShape(node, tensor);
    const newStateCount = stateInPlace ? 0 : state.length;
    // The loss stays where it is: only a number has to be sent. All else is int32, which tfjs-node
    // leaves in host memory, where the op's kernels read it.
    const loss = typeof step.loss === 'number' ? scalar(step.loss, 'float32') : step.loss;
    const run = (shardWords = noShards) => {
      const sent = [
        tensor1d(positions, 'int32'),
        tensor1d(packGroups(step), 'int32'),
        tensor1d(shardWords, 'int32'),
        tensor1d(packStep({ ...step, scalars: hostScalars(step.scalars) }), 'int32'),
      ] as const;
      const [positionTensor, groupTensor, shardTensor, inputTensor] = sent;
      try {
        return node.executeMultipleOutputs(
          opName,
          [
            countAttribute(node, 'parameter_count', variables.length),
            countAttribute(node, 'gradient_count', given.length),
            countAttribute(node, 'state_count', state.length),
            countAttribute(node, 'new_state_count', newStateCount),
          ],
          [
            ...[...variables, ...given, ...state],
            ...[positionTensor, groupTensor, shardTensor, loss, inputTensor],
          ],
          variables.length + newStateCount + 1,
        );
      } catch (error) {
        const message = opMessage(error);
        throw new Error(shards ? message : `The step was not made: ${message}.`, { cause: error });
      } finally {
        for (const tensor of sent) tensor.dispose();
      }
    };
    let outputs: Tensor[];
    try {
      outputs = shards
        ? shards.exchange.exchangeBy((terms) => run(packShards(terms, shards)))
        : run();
    } finally {
      if (loss !== step.loss) loss.dispose();
    }
    const newParameters = outputs.slice(0, variables.length);
    const newState = outputs.slice(variables.length, -1);
    const resultTensor = outputs.at(-1)!;
    // The op has finished, also on a GPU, and its result is in host memory: 16 numbers, 3 us.
    const result = resultTensor.dataSync<'int32'>();
    const report = unpackReport(result, engine, smallestLossOf(step));
    const newScalars = unpackScalars(result);
    resultTensor.dispose();

    if (!wasWritten(report)) {
      for (const output of [...newParameters, ...newState]) output.dispose();
      return { report, deferred: null, newState: null, newScalars };
    }
    newParameters.forEach((value, i) => {
      replaceValue(variables[i] as Variable, value);
    });
    return { report, deferred: null, newState: newStateCount > 0 ? newState : null, newScalars };
  };
}

/** Our op that averages over the ranks, on the device of the op that makes the steps. */
export function tensorFlowAverageOp({ engine }: StepOp): string {
  const addon = addonForSteps().addon!;
  return engine === 'tensorflow-cpu'
    ? addon.registerTensorFlowAverageOp()
    : addon.registerTensorFlowCudaAverageOp('GPU');
}

/** Averages gradients where TensorFlow has them: one call of an op of ours. */
export function tensorFlowAverager(opName: string): Averager {
  return (variables, gradients) => {
    const node = nodeBackend();
    for (const gradient of gradients) if (gradient) checkShape(node, gradient);
    return (exchange, places) => {
      const made: Tensor[] = [];
      const own = places.map((place) => {
        const gradient = gradients[place];
        if (gradient) return gradient;
        const nothing = zeros(variables[place]!.shape, 'float32');
        made.push(nothing);
        return nothing;
      });
      try {
        return exchange.exchangeBy((terms) => {
          const words = tensor1d(packTerms(terms), 'int32');
          made.push(words);
          try {
            return node.executeMultipleOutputs(
              opName,
              [countAttribute(node, 'count', own.length)],
              [...own, words],
              own.length,
            );
          } catch (error) {
            throw new Error(opMessage(error), { cause: error });
          }
        });
      } finally {
        for (const each of made) each.dispose();
      }
    };
  };
}
