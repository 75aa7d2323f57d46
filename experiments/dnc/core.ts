/**
 * The differentiable neural computer in tfjs operations, to be read and to test the fast form
 * against (fast-sequence.ts). Shapes: B elements of a batch, T time steps, N slots, D numbers a
 * slot, R read heads, W write heads, H units of the controller.
 */
import * as tf from '@tensorflow/tfjs-node';

import {
  allocationForHeads,
  contentWeights,
  directionalWeights,
  eraseAndWrite,
  updateLinkage,
  updateUsage,
} from './addressing.js';
import type { DncParameters, InterfaceLayer } from './parameters.js';
import { type DncSizes, readModeCount } from './sizes.js';

/** Added to the forget gate in the code, not in its bias, so that the LSTM starts by remembering. */
export const forgetBias = 1;

/** All that a time step hands to the next. */
export interface DncState {
  /** [B, N, D] */
  readonly memory: tf.Tensor;
  /** [B, R, N] */
  readonly readWeights: tf.Tensor;
  /** [B, W, N] */
  readonly writeWeights: tf.Tensor;
  /** [B, W, N, N] */
  readonly link: tf.Tensor;
  /** [B, W, N] */
  readonly precedence: tf.Tensor;
  /** [B, N] */
  readonly usage: tf.Tensor;
  /** [B, H] */
  readonly controllerHidden: tf.Tensor;
  /** [B, H] */
  readonly controllerCell: tf.Tensor;
  /** [B, R, D], what the read heads have read. */
  readonly readWords: tf.Tensor;
}

/** The state before the first time step: all zeros. */
export function zeroState(sizes: DncSizes, batchSize: number): DncState {
  const { hiddenSize, memorySize, wordSize, readHeads, writeHeads } = sizes;
  return {
    memory: tf.zeros([batchSize, memorySize, wordSize]),
    readWeights: tf.zeros([batchSize, readHeads, memorySize]),
    writeWeights: tf.zeros([batchSize, writeHeads, memorySize]),
    link: tf.zeros([batchSize, writeHeads, memorySize, memorySize]),
    precedence: tf.zeros([batchSize, writeHeads, memorySize]),
    usage: tf.zeros([batchSize, memorySize]),
    controllerHidden: tf.zeros([batchSize, hiddenSize]),
    controllerCell: tf.zeros([batchSize, hiddenSize]),
    readWords: tf.zeros([batchSize, readHeads, wordSize]),
  };
}

function linear(input: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return input.matMul(weights).add(bias);
}

interface ControllerState {
  readonly hidden: tf.Tensor;
  readonly cell: tf.Tensor;
}

function updateController(
  { 'lstm/w_gates': weights, 'lstm/b_gates': bias }: DncParameters,
  input: tf.Tensor,
  previous: ControllerState,
): ControllerState {
  const gates = linear(tf.concat([input, previous.hidden], 1), weights, bias);
  const [inputGate, candidate, forgetGate, outputGate] = gates.split(4, 1) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const cell = forgetGate
    .add(forgetBias)
    .sigmoid()
    .mul(previous.cell)
    .add(inputGate.sigmoid().mul(candidate.tanh()));
  return { hidden: cell.tanh().mul(outputGate.sigmoid()), cell };
}

/** What the memory holds after a step, and what was read from it. */
type MemoryState = Omit<DncState, 'controllerHidden' | 'controllerCell'>;

function accessMemory(
  sizes: DncSizes,
  parameters: DncParameters,
  controllerOutput: tf.Tensor,
  previous: MemoryState,
): MemoryState {
  const { wordSize, readHeads, writeHeads } = sizes;
  const [batchSize] = controllerOutput.shape as [number, number];
  const fromController = (layer: InterfaceLayer, ...shape: number[]) =>
    linear(
      controllerOutput,
      parameters[`memory_access/${layer}/w`],
      parameters[`memory_access/${layer}/b`],
    ).reshape([batchSize, ...shape]);

  const freeGates = fromController('free_gate', readHeads).sigmoid();
  const usage = updateUsage(previous.writeWeights, freeGates, previous.readWeights, previous.usage);

  const allocationGates = fromController('allocation_gate', writeHeads).sigmoid();
  const writeGates = fromController('write_gate', writeHeads).sigmoid();
  const allocation = allocationForHeads(usage, allocationGates.mul(writeGates));
  const writeContent = contentWeights(
    previous.memory,
    fromController('write_keys', writeHeads, wordSize),
    fromController('write_strengths', writeHeads),
  );
  const byAllocation = allocationGates.expandDims(-1);
  const writeWeights = writeGates
    .expandDims(-1)
    .mul(byAllocation.mul(allocation).add(tf.sub(1, byAllocation).mul(writeContent)));
  const memory = eraseAndWrite(
    previous.memory,
    writeWeights,
    fromController('erase_vectors', writeHeads, wordSize).sigmoid(),
    fromController('write_vectors', writeHeads, wordSize),
  );
  const { link, precedence } = updateLinkage(writeWeights, previous);

  const modes = fromController('read_mode', readHeads, readModeCount(sizes)).softmax();
  const [backwardModes, forwardModes, contentMode] = modes.split(
    [writeHeads, writeHeads, 1],
    2,
  ) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const alongLinks = (mode: tf.Tensor, forward: boolean) =>
    directionalWeights(link, previous.readWeights, forward).mul(mode.expandDims(3)).sum(2);
  const readContent = contentWeights(
    memory,
    fromController('read_keys', readHeads, wordSize),
    fromController('read_strengths', readHeads),
  );
  const readWeights = contentMode
    .mul(readContent)
    .add(alongLinks(forwardModes, true))
    .add(alongLinks(backwardModes, false));
  return {
    memory,
    readWeights,
    writeWeights,
    link,
    precedence,
    usage,
    readWords: readWeights.matMul(memory),
  };
}

/** One time step: the output [B, outputs] for an input [B, inputs], and the next state. */
export function stepDnc(
  sizes: DncSizes,
  parameters: DncParameters,
  input: tf.Tensor,
  previous: DncState,
): { readonly output: tf.Tensor; readonly state: DncState } {
  const [batchSize] = input.shape as [number, number];
  const clip = (values: tf.Tensor) => values.clipByValue(-sizes.clipValue, sizes.clipValue);
  const flat = (words: tf.Tensor) => words.reshape([batchSize, -1]);
  const controller = updateController(parameters, tf.concat([input, flat(previous.readWords)], 1), {
    hidden: previous.controllerHidden,
    cell: previous.controllerCell,
  });
  const controllerHidden = clip(controller.hidden);
  const memoryState = accessMemory(sizes, parameters, controllerHidden, previous);
  const output = clip(
    linear(
      tf.concat([controllerHidden, flat(memoryState.readWords)], 1),
      parameters['output_linear/w'],
      parameters['output_linear/b'],
    ),
  );
  return {
    output,
    state: { ...memoryState, controllerHidden, controllerCell: clip(controller.cell) },
  };
}

/** The outputs [T, B, outputs] for the inputs [T, B, inputs], and the state after every step. */
export function runDnc(
  sizes: DncSizes,
  parameters: DncParameters,
  inputs: tf.Tensor,
  initialState: DncState,
): { readonly outputs: tf.Tensor; readonly states: readonly DncState[] } {
  const outputs: tf.Tensor[] = [];
  const states: DncState[] = [];
  let current = initialState;
  for (const input of inputs.unstack(0)) {
    const { output, state } = stepDnc(sizes, parameters, input, current);
    outputs.push(output);
    states.push(state);
    current = state;
  }
  return { outputs: tf.stack(outputs), states };
}
