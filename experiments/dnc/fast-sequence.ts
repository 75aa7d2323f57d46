/**
 * The fast form of the differentiable neural computer: loss and gradients of a whole batch of
 * sequences at once, derived by hand. The same formulas in tfjs operations (core.ts, loss.ts) take
 * thousands of small operations a training step, and nearly all their time is the call itself; here
 * the matrix products are tfjs's, and all else is arithmetic on host arrays in double precision.
 */
import * as tf from '@tensorflow/tfjs-node';

import { forgetBias } from './core.js';
import type { MemoryGradients, MemoryStep } from './fast-memory/frame.js';
import { sigmoid } from './fast-memory/interface.js';
import { FastMemory } from './fast-memory/memory.js';
import {
  type DncParameters,
  interfaceLayers,
  interfaceWidths,
  type ParameterName,
  parameterShapes,
} from './parameters.js';
import type { SequenceBatch } from './repeat-copy.js';
import type { DncSizes } from './sizes.js';

/** What {@link FastSequence.differentiate} computes. */
export interface LossAndGradients {
  readonly loss: number;
  /** [T, B, outputs] */
  readonly logits: Float32Array;
  /** By parameter, in the order of parameterShapes. */
  readonly gradients: ReadonlyMap<ParameterName, Float32Array>;
}

/** Loss of one logit and its derivative; both exact where the loss is tiny. */
function crossEntropy(logit: number, target: number): { loss: number; slope: number } {
  const tail = Math.exp(-Math.abs(logit));
  const share = tail / (1 + tail);
  return {
    loss: Math.max(logit, 0) - logit * target + Math.log1p(tail),
    slope: logit > 0 ? 1 - target - share : share - target,
  };
}

/** The numbers of a tensor that is not needed otherwise. */
function take(tensor: tf.Tensor): Float32Array {
  // Not by tf.tidy, which would look for tensors in every element of the array that it returns.
  const values = tensor.dataSync<'float32'>();
  tensor.dispose();
  return values;
}

/** Rows of numbers as a matrix. */
function matrixOf(values: Float32Array, rows: number): tf.Tensor2D {
  return tf.tensor2d(values, [rows, values.length / rows]);
}

/** Rows of numbers times a matrix, or times its transpose. */
function multiply(
  values: Float32Array,
  rows: number,
  matrix: tf.Tensor2D,
  transposed = false,
): Float32Array {
  const left = matrixOf(values, rows);
  const product = take(tf.matMul(left, matrix, false, transposed));
  left.dispose();
  return product;
}

/** Gradients by the weights and the bias of a linear layer, from its inputs, row after row. */
function linearGradients(
  inputs: Float32Array,
  byOutputs: Float32Array,
  rows: number,
): { readonly weights: Float32Array; readonly bias: Float32Array } {
  const [left, right] = [matrixOf(inputs, rows), matrixOf(byOutputs, rows)];
  const weights = take(tf.matMul(left, right, true, false));
  tf.dispose([left, right]);
  const bias = new Float64Array(byOutputs.length / rows);
  for (let start = 0; start < byOutputs.length; start += bias.length) {
    for (let i = 0; i < bias.length; i++) {
      bias[i]! += byOutputs[start + i]!;
    }
  }
  return { weights, bias: Float32Array.from(bias) };
}

/** Columns of a matrix that lies row after row. */
function columns(matrix: Float32Array, width: number, start: number, count: number): Float32Array {
  const rows = matrix.length / width;
  const result = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    const from = row * width + start;
    result.set(matrix.subarray(from, from + count), row * count);
  }
  return result;
}

/** Arrays for sequences of so many steps, made once: a step's worth of new ones is megabytes. */
class Workspace {
  readonly memory: FastMemory;
  /** Before the first time step and after each. */
  readonly memorySteps: readonly MemoryStep[];
  readonly memoryGradients: MemoryGradients;
  // All from here on are [T, B, ...].
  /** Observation, read words and hidden state: what the controller sees. */
  readonly inputs: Float32Array;
  /** i, j, f and o, after their activations. */
  readonly gates: Float64Array;
  /** Before they are clipped. */
  readonly rawCells: Float64Array;
  /** [T + 1, B, hidden], before the first time step and after each. */
  readonly cells: Float64Array;
  readonly hidden: Float32Array;
  /** Hidden state and read words: what the output layer sees. */
  readonly outputInputs: Float32Array;
  readonly byGates: Float32Array;
  readonly byInterface: Float32Array;

  constructor(
    sizes: DncSizes,
    readonly batchSize: number,
    readonly steps: number,
  ) {
    const { inputSize, hiddenSize, wordSize, readHeads } = sizes;
    const words = readHeads * wordSize;
    this.memory = new FastMemory(sizes, batchSize);
    this.memorySteps = Array.from({ length: steps + 1 }, () => this.memory.createStep());
    this.memoryGradients = this.memory.createGradients();
    const rows = steps * batchSize;
    this.inputs = new Float32Array(rows * (inputSize + words + hiddenSize));
    this.gates = new Float64Array(rows * 4 * hiddenSize);
    this.rawCells = new Float64Array(rows * hiddenSize);
    this.cells = new Float64Array((rows + batchSize) * hiddenSize);
    this.hidden = new Float32Array(rows * hiddenSize);
    this.outputInputs = new Float32Array(rows * (hiddenSize + words));
    this.byGates = new Float32Array(rows * 4 * hiddenSize);
    this.byInterface = new Float32Array(rows * this.memory.layout.width);
  }
}

/** Weights as the fast form takes them: matrices as tensors, biases as host arrays. */
interface Weights {
  readonly gates: tf.Tensor2D;
  readonly gatesBias: Float32Array;
  /** The layers between controller and memory, side by side. */
  readonly interface: tf.Tensor2D;
  readonly interfaceBias: Float32Array;
  readonly output: tf.Tensor2D;
  readonly outputBias: Float32Array;
}

function weightsOf(parameters: DncParameters): Weights {
  const host = (name: ParameterName) => parameters[name].dataSync<'float32'>();
  return {
    gates: parameters['lstm/w_gates'] as tf.Tensor2D,
    gatesBias: host('lstm/b_gates'),
    interface: tf.concat2d(
      interfaceLayers.map((layer) => parameters[`memory_access/${layer}/w`] as tf.Tensor2D),
      1,
    ),
    interfaceBias: Float32Array.from(
      interfaceLayers.flatMap((layer) => [...host(`memory_access/${layer}/b`)]),
    ),
    output: parameters['output_linear/w'] as tf.Tensor2D,
    outputBias: host('output_linear/b'),
  };
}

/** The differentiable neural computer's training loss with hand-written gradients. */
export class FastSequence {
  readonly #sizes: DncSizes;
  readonly #shapes: ReturnType<typeof parameterShapes>;
  #workspace: Workspace | null = null;

  /** @throws RangeError unless there is one write head, as in the paper's experiment. */
  constructor(sizes: DncSizes) {
    if (sizes.writeHeads !== 1) {
      throw new RangeError(`The fast form has one write head, not ${sizes.writeHeads}.`);
    }
    this.#sizes = sizes;
    this.#shapes = parameterShapes(sizes);
  }

  /**
   * The loss of a batch from the zero state, as sequenceLoss in loss.ts has it, for tf.grads and
   * for optimisers. Its gradients are computed with it: where none are needed, sequenceLoss is no
   * slower.
   */
  loss(parameters: DncParameters, batch: SequenceBatch): tf.Scalar {
    const shapes = this.#shapes;
    return tf.customGrad((...tensors) => {
      const given = Object.fromEntries(
        shapes.map(({ name }, index) => [name, tensors[index]]),
      ) as DncParameters;
      const { loss, gradients } = this.differentiate(given, batch);
      return {
        value: tf.scalar(loss),
        // Host arrays may be taken from the closure; tensors would be disposed of by then.
        gradFunc: (byLoss: tf.Scalar) => {
          const [scale = 1] = byLoss.dataSync();
          return shapes.map(({ name, shape }) => {
            const gradient = gradients.get(name)!;
            return tf.tensor(scale === 1 ? gradient : gradient.map((value) => scale * value), [
              ...shape,
            ]);
          });
        },
      };
    })(...shapes.map(({ name }) => parameters[name]));
  }

  /** Loss, logits and gradients of a batch from the zero state. */
  differentiate(parameters: DncParameters, batch: SequenceBatch): LossAndGradients {
    const weights = weightsOf(parameters);
    try {
      const workspace = this.#workspaceFor(batch);
      for (let step = 0; step < batch.steps; step++) {
        this.#forward(weights, batch, workspace, step);
      }
      const output = this.#output(weights, batch, workspace);
      this.#backward(weights, batch, workspace, output.byInputs);
      return {
        loss: output.loss,
        logits: output.logits,
        gradients: this.#gradients(batch, workspace, output.byLogits),
      };
    } finally {
      weights.interface.dispose();
    }
  }

  #workspaceFor({ batchSize, steps }: SequenceBatch): Workspace {
    const present = this.#workspace;
    if (present?.batchSize === batchSize && present.steps >= steps) {
      return present;
    }
    this.#workspace = new Workspace(this.#sizes, batchSize, steps);
    return this.#workspace;
  }

  #forward(weights: Weights, batch: SequenceBatch, workspace: Workspace, step: number): void {
    const { inputSize, hiddenSize, wordSize, readHeads, clipValue } = this.#sizes;
    const { batchSize } = batch;
    const words = readHeads * wordSize;
    const inputWidth = inputSize + words + hiddenSize;
    const { inputs, gates, rawCells, cells, hidden, outputInputs } = workspace;
    const previous = workspace.memorySteps[step]!;
    const current = workspace.memorySteps[step + 1]!;
    const firstRow = step * batchSize;

    for (let element = 0; element < batchSize; element++) {
      const row = firstRow + element;
      const start = row * inputWidth;
      inputs.set(batch.observations.subarray(row * inputSize, (row + 1) * inputSize), start);
      inputs.set(
        previous.readWords.subarray(element * words, (element + 1) * words),
        start + inputSize,
      );
      if (step === 0) {
        inputs.fill(0, start + inputSize + words, start + inputWidth);
      } else {
        const before = (row - batchSize) * hiddenSize;
        inputs.set(hidden.subarray(before, before + hiddenSize), start + inputSize + words);
      }
    }

    const rawGates = multiply(
      inputs.subarray(firstRow * inputWidth, (firstRow + batchSize) * inputWidth),
      batchSize,
      weights.gates,
    );
    for (let element = 0; element < batchSize; element++) {
      const row = firstRow + element;
      for (let unit = 0; unit < hiddenSize; unit++) {
        const raw = (gate: number) =>
          rawGates[(4 * element + gate) * hiddenSize + unit]! +
          weights.gatesBias[gate * hiddenSize + unit]!;
        const inputGate = sigmoid(raw(0));
        const candidate = Math.tanh(raw(1));
        const forgetGate = sigmoid(raw(2) + forgetBias);
        const outputGate = sigmoid(raw(3));
        const gatesStart = 4 * row * hiddenSize + unit;
        gates[gatesStart] = inputGate;
        gates[gatesStart + hiddenSize] = candidate;
        gates[gatesStart + 2 * hiddenSize] = forgetGate;
        gates[gatesStart + 3 * hiddenSize] = outputGate;
        const at = row * hiddenSize + unit;
        const cell = forgetGate * cells[at]! + inputGate * candidate;
        rawCells[at] = cell;
        cells[at + batchSize * hiddenSize] = Math.min(Math.max(cell, -clipValue), clipValue);
        hidden[at] = Math.min(Math.max(Math.tanh(cell) * outputGate, -clipValue), clipValue);
      }
    }

    const raw = multiply(
      hidden.subarray(firstRow * hiddenSize, (firstRow + batchSize) * hiddenSize),
      batchSize,
      weights.interface,
    );
    const { width } = workspace.memory.layout;
    for (let i = 0; i < raw.length; i++) {
      raw[i]! += weights.interfaceBias[i % width]!;
    }
    workspace.memory.forward(raw, previous, current);

    for (let element = 0; element < batchSize; element++) {
      const row = firstRow + element;
      const start = row * (hiddenSize + words);
      outputInputs.set(hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize), start);
      outputInputs.set(
        current.readWords.subarray(element * words, (element + 1) * words),
        start + hiddenSize,
      );
    }
  }

  /** The loss, and gradients by the logits and by what the output layer sees. */
  #output(weights: Weights, batch: SequenceBatch, { outputInputs }: Workspace) {
    const { outputSize, hiddenSize, wordSize, readHeads, clipValue } = this.#sizes;
    const rows = batch.steps * batch.batchSize;
    const width = hiddenSize + readHeads * wordSize;
    const logits = multiply(outputInputs.subarray(0, rows * width), rows, weights.output);
    const byLogits = new Float32Array(logits.length);
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      const raw = logits[i]! + weights.outputBias[i % outputSize]!;
      const logit = Math.min(Math.max(raw, -clipValue), clipValue);
      logits[i] = logit;
      const counts = batch.mask[Math.floor(i / outputSize)]!;
      const { loss, slope } = crossEntropy(logit, batch.targets[i]!);
      sum += counts * loss;
      byLogits[i] = logit === raw ? (counts * slope) / batch.batchSize : 0;
    }
    const byInputs = multiply(byLogits, rows, weights.output, true);
    return { loss: sum / batch.batchSize, logits, byLogits, byInputs };
  }

  /** Fills the workspace's gradients by the gates and by the interface. */
  #backward(
    weights: Weights,
    batch: SequenceBatch,
    workspace: Workspace,
    byOutputInputs: Float32Array,
  ): void {
    const { inputSize, hiddenSize, wordSize, readHeads, clipValue } = this.#sizes;
    const { batchSize } = batch;
    const words = readHeads * wordSize;
    const inputWidth = inputSize + words + hiddenSize;
    const { width } = workspace.memory.layout;
    const { gates, rawCells, cells, byGates, byInterface, memoryGradients } = workspace;
    Object.values(memoryGradients).forEach((gradient) => gradient.fill(0));
    const byCells = new Float64Array(batchSize * hiddenSize);
    const byReadWords = new Float64Array(batchSize * words);
    const byRawInterface = new Float64Array(batchSize * width);
    // By what the controller of the next time step sees: nothing comes after the last one.
    let byNextInputs: Float32Array = new Float32Array(batchSize * inputWidth);

    for (let step = batch.steps - 1; step >= 0; step--) {
      const firstRow = step * batchSize;
      for (let element = 0; element < batchSize; element++) {
        const fromOutput = (firstRow + element) * (hiddenSize + words) + hiddenSize;
        const fromNext = element * inputWidth + inputSize;
        for (let word = 0; word < words; word++) {
          byReadWords[element * words + word] =
            byOutputInputs[fromOutput + word]! + byNextInputs[fromNext + word]!;
        }
      }
      workspace.memory.backward(
        workspace.memorySteps[step]!,
        workspace.memorySteps[step + 1]!,
        byReadWords,
        memoryGradients,
        byRawInterface,
      );
      const interfaceRows = byInterface.subarray(firstRow * width, (firstRow + batchSize) * width);
      interfaceRows.set(byRawInterface);
      const byHiddenOfMemory = multiply(interfaceRows, batchSize, weights.interface, true);

      for (let element = 0; element < batchSize; element++) {
        const row = firstRow + element;
        for (let unit = 0; unit < hiddenSize; unit++) {
          const gatesStart = 4 * row * hiddenSize + unit;
          const inputGate = gates[gatesStart]!;
          const candidate = gates[gatesStart + hiddenSize]!;
          const forgetGate = gates[gatesStart + 2 * hiddenSize]!;
          const outputGate = gates[gatesStart + 3 * hiddenSize]!;
          const at = row * hiddenSize + unit;
          const cell = rawCells[at]!;
          const squashed = Math.tanh(cell);
          const byHidden =
            Math.abs(squashed * outputGate) <= clipValue
              ? byOutputInputs[row * (hiddenSize + words) + unit]! +
                byNextInputs[element * inputWidth + inputSize + words + unit]! +
                byHiddenOfMemory[element * hiddenSize + unit]!
              : 0;
          const carried = element * hiddenSize + unit;
          const byCell =
            (Math.abs(cell) <= clipValue ? byCells[carried]! : 0) +
            byHidden * outputGate * (1 - squashed * squashed);
          byCells[carried] = byCell * forgetGate;
          byGates[gatesStart] = byCell * candidate * inputGate * (1 - inputGate);
          byGates[gatesStart + hiddenSize] = byCell * inputGate * (1 - candidate * candidate);
          byGates[gatesStart + 2 * hiddenSize] =
            byCell * cells[at]! * forgetGate * (1 - forgetGate);
          byGates[gatesStart + 3 * hiddenSize] =
            byHidden * squashed * outputGate * (1 - outputGate);
        }
      }
      byNextInputs = multiply(
        byGates.subarray(4 * firstRow * hiddenSize, 4 * (firstRow + batchSize) * hiddenSize),
        batchSize,
        weights.gates,
        true,
      );
    }
  }

  #gradients(
    batch: SequenceBatch,
    workspace: Workspace,
    byLogits: Float32Array,
  ): Map<ParameterName, Float32Array> {
    const rows = batch.steps * batch.batchSize;
    // The workspace may be made for longer sequences.
    const used = (values: Float32Array) =>
      values.subarray(0, (values.length / (workspace.steps * workspace.batchSize)) * rows);
    const lstm = linearGradients(used(workspace.inputs), used(workspace.byGates), rows);
    const output = linearGradients(used(workspace.outputInputs), byLogits, rows);
    const memory = linearGradients(used(workspace.hidden), used(workspace.byInterface), rows);
    const { starts, width } = workspace.memory.layout;
    const widths = interfaceWidths(this.#sizes);
    return new Map<ParameterName, Float32Array>([
      ['lstm/w_gates', lstm.weights],
      ['lstm/b_gates', lstm.bias],
      ...interfaceLayers.flatMap((layer): [ParameterName, Float32Array][] => {
        const [start, count] = [starts[layer], widths[layer]];
        return [
          [`memory_access/${layer}/w`, columns(memory.weights, width, start, count)],
          [`memory_access/${layer}/b`, memory.bias.slice(start, start + count)],
        ];
      }),
      ['output_linear/w', output.weights],
      ['output_linear/b', output.bias],
    ]);
  }
}
