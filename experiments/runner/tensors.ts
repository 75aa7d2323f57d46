import { dispose, tensor, type Optimizer, type Tensor } from '@tensorflow/tfjs-core';

import type { StateValue } from './experiment.js';

/** A tensor with the name under which it is restored. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Tensors (weights, or an optimiser's `getWeights`) as a checkpoint holds them. */
export async function readTensors(tensors: readonly NamedTensor[]): Promise<StateValue> {
  return Promise.all(
    tensors.map(async ({ name, tensor: value }) => {
      const { dtype, shape } = value;
      if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
        throw new TypeError(`A checkpoint cannot hold the tensor ${name} of type ${dtype}.`);
      }
      const values = await value.data<'float32' | 'int32' | 'bool'>();
      return { name, dtype, shape, values: values.slice() };
    }),
  );
}

/** Makes the tensors again that `readTensors` has read; they belong to the caller. */
export function makeTensors(saved: StateValue): NamedTensor[] {
  const entries = saved as readonly {
    name: string;
    dtype: 'float32' | 'int32' | 'bool';
    shape: number[];
    values: Float32Array | Int32Array | Uint8Array;
  }[];
  return entries.map(({ name, dtype, shape, values }) => ({
    name,
    tensor: tensor(values, shape, dtype),
  }));
}

/** An optimiser's state as a checkpoint holds it. Its `getWeights` has to return copies, as AliG's does. */
export async function saveOptimizer(optimizer: Optimizer): Promise<StateValue> {
  const weights = await optimizer.getWeights();
  try {
    return await readTensors(weights);
  } finally {
    dispose(weights.map(({ tensor: copy }) => copy));
  }
}

/** Gives an optimiser the state that `saveOptimizer` has read. */
export async function restoreOptimizer(optimizer: Optimizer, saved: StateValue): Promise<void> {
  const weights = makeTensors(saved);
  try {
    await optimizer.setWeights(weights);
  } finally {
    dispose(weights.map(({ tensor: copy }) => copy));
  }
}
