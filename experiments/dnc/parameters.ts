import * as tf from '@tensorflow/tfjs-node';

import { type DncSizes, readModeCount } from './sizes.js';

/** The memory's linear layers, each from the controller's output, in the order of the graph. */
export const interfaceLayers = [
  'write_vectors',
  'erase_vectors',
  'free_gate',
  'allocation_gate',
  'write_gate',
  'read_mode',
  'write_keys',
  'write_strengths',
  'read_keys',
  'read_strengths',
] as const;

/** A linear layer between the controller and the memory. */
export type InterfaceLayer = (typeof interfaceLayers)[number];

/** Names of the trainable tensors, those of the published code without its prefix `dnc/`. */
export type ParameterName =
  | 'lstm/w_gates'
  | 'lstm/b_gates'
  | `memory_access/${InterfaceLayer}/${'w' | 'b'}`
  | 'output_linear/w'
  | 'output_linear/b';

/** Every trainable tensor by its name. */
export type DncParameters = Readonly<Record<ParameterName, tf.Tensor>>;

/** The trainable tensors as the variables that an optimiser takes. */
export type DncVariables = Readonly<Record<ParameterName, tf.Variable>>;

/** How many numbers each linear layer hands to the memory. */
export function interfaceWidths(sizes: DncSizes): Record<InterfaceLayer, number> {
  const { wordSize, readHeads, writeHeads } = sizes;
  return {
    write_vectors: writeHeads * wordSize,
    erase_vectors: writeHeads * wordSize,
    free_gate: readHeads,
    allocation_gate: writeHeads,
    write_gate: writeHeads,
    read_mode: readHeads * readModeCount(sizes),
    write_keys: writeHeads * wordSize,
    write_strengths: writeHeads,
    read_keys: readHeads * wordSize,
    read_strengths: readHeads,
  };
}

/** A trainable tensor before it is drawn. */
export interface ParameterShape {
  readonly name: ParameterName;
  readonly shape: readonly number[];
  /**
   * Standard deviation of the normal distribution that initial values are drawn from, before it is
   * cut off at two of them; 0: the values start at 0.
   */
  readonly deviation: number;
}

/**
 * Names, shapes and initial distributions of all trainable tensors, in the order of the published
 * code. A linear layer's weights are [inputs, outputs]. The LSTM's are [input + read words +
 * hidden, 4 hidden], with the gates i, j, f, o in the columns; unlike the other biases, its bias is
 * drawn as its weights are.
 */
export function parameterShapes(sizes: DncSizes): ParameterShape[] {
  const { inputSize, outputSize, hiddenSize, wordSize, readHeads } = sizes;
  const controllerInputs = inputSize + readHeads * wordSize + hiddenSize;
  const widths = interfaceWidths(sizes);
  const linear = (
    layer: `memory_access/${InterfaceLayer}` | 'output_linear',
    inputs: number,
    outputs: number,
  ): ParameterShape[] => [
    { name: `${layer}/w`, shape: [inputs, outputs], deviation: 1 / Math.sqrt(inputs) },
    { name: `${layer}/b`, shape: [outputs], deviation: 0 },
  ];
  const controllerDeviation = 1 / Math.sqrt(controllerInputs);
  return [
    {
      name: 'lstm/w_gates',
      shape: [controllerInputs, 4 * hiddenSize],
      deviation: controllerDeviation,
    },
    { name: 'lstm/b_gates', shape: [4 * hiddenSize], deviation: controllerDeviation },
    ...interfaceLayers.flatMap((layer) =>
      linear(`memory_access/${layer}`, hiddenSize, widths[layer]),
    ),
    ...linear('output_linear', hiddenSize + readHeads * wordSize, outputSize),
  ];
}

/** Draws the initial parameters; a seed (a whole number from 0) always gives the same ones. */
export function createParameters(sizes: DncSizes, seed: number): DncVariables {
  return Object.fromEntries(
    parameterShapes(sizes).map(({ name, shape, deviation }, index) => {
      const initial =
        deviation === 0
          ? tf.zeros([...shape])
          : // With one seed for all, the tensors would hold the same random numbers.
            tf.truncatedNormal([...shape], 0, deviation, 'float32', 100 * seed + index);
      const variable = tf.variable(initial);
      initial.dispose();
      return [name, variable];
    }),
  ) as DncVariables;
}
