/** What the tests of the networks share: recorded cases as the experiments' own types. */
import * as tf from '@tensorflow/tfjs-node';
import type { ExecutionContext } from 'ava';

import type { Network } from '../../../experiments/networks/network.js';
import {
  decodeRecorded,
  type GoldenModel,
  type GoldenNetwork,
  type RecordedArray,
  recordedExcess,
  summaries,
} from '../../support/golden-models.js';

/**
 * The axes of tfjs's layout in PyTorch's and the other way round: filters [outputs, inputs, rows,
 * columns] against [rows, columns, inputs, outputs], linear layers [outputs, inputs] against [inputs,
 * outputs].
 */
const toTfjs: Readonly<Record<number, number[]>> = { 1: [0], 2: [1, 0], 4: [2, 3, 1, 0] };
const toPublished: Readonly<Record<number, number[]>> = { 1: [0], 2: [1, 0], 4: [3, 2, 0, 1] };

export function tensorOf(recorded: RecordedArray): tf.Tensor {
  return tf.tensor(decodeRecorded(recorded), recorded.shape, recorded.dtype);
}

/** A tensor in tfjs's layout as PyTorch's holds it. */
export function publishedLayout(tensor: tf.Tensor): tf.Tensor {
  return tensor.transpose(toPublished[tensor.rank]);
}

/** The shape that a variable has in PyTorch. */
export function publishedShape({ shape }: tf.Tensor): number[] {
  return toPublished[shape.length]!.map((axis) => shape[axis]!);
}

/** Gives a network the recorded weights and running statistics, by their order. */
export function loadRecorded<Input>(network: Network<Input>, model: GoldenNetwork): void {
  const assign = (
    variables: readonly tf.Variable[],
    recorded: Readonly<Record<string, RecordedArray>>,
  ) => {
    const arrays = Object.values(recorded);
    if (arrays.length !== variables.length) {
      throw new Error(`${model.id} has ${arrays.length} tensors, the network ${variables.length}.`);
    }
    tf.tidy(() => {
      for (const [i, array] of arrays.entries()) {
        variables[i]!.assign(tensorOf(array).transpose(toTfjs[array.shape.length]));
      }
    });
  };
  assign(network.variables, model.params);
  assign(network.statistics, model.buffers ?? {});
}

/**
 * By how much an array, or what is recorded in its place, is further off than the tolerance: at most 0
 * where it passes, positive or NaN where it does not.
 */
export function excessOf(model: GoldenModel, name: string, computed: tf.Tensor | number): number {
  const values =
    typeof computed === 'number' ? Float32Array.of(computed) : computed.dataSync<'float32'>();
  if (name in model.expected) return recordedExcess(model, name, values);
  const excesses = Object.entries(summaries(values)).map(([ending, part]) =>
    recordedExcess(model, name + ending, part),
  );
  return Math.max(...excesses);
}

/** Fails where an array is not within the recorded tolerance. */
export function assertWithin(
  t: ExecutionContext,
  model: GoldenModel,
  name: string,
  computed: tf.Tensor | number,
): void {
  const excess = excessOf(model, name, computed);
  t.true(excess <= 0, `${model.id} ${name}: ${excess} more than the tolerance`);
}

/** Names of the recorded arrays; those recorded by summaries have one name. */
export function expectedNames({ expected }: GoldenModel): string[] {
  return [...new Set(Object.keys(expected).map((name) => name.replace(/#.*/, '')))].sort();
}
