import {
  clone,
  engine,
  keep,
  Tensor,
  tensor as makeTensor,
  type DataType,
  type DataTypeMap,
  type NumericDataType,
} from '@tensorflow/tfjs-core';
import { isFloat32Array } from '../values/brands.js';

type Values = Float32Array | Int32Array;

/** What the engine of tfjs has beyond its type. */
interface TensorNumbers {
  nextTensorId(): number;
}

/**
 * A tensor over an array in host memory, which no backend holds until an op asks for it.
 *
 * NOTE [saved weights that nobody disposes of]
 * tfjs's model.save() asks an optimiser for its weights, reads them, and never disposes of them. A
 * tensor of the backend `wasm` stays in its memory until it is disposed of: 9 MB of state were gone
 * for good with each save, and at 4 GB the process ends. So what getWeights hands out is an array
 * that the garbage collector frees, and counts in tf.memory() only from the first op on it: an op
 * looks at `dataId`, and gets that of a tensor of the backend that is current then.
 */
class HostTensor extends Tensor {
  readonly #values: Values;
  /** Of the backend, once an op has asked. */
  #held: Tensor | null = null;

  /** Its own: `instanceof` would ask tfjs, to which every tensor is one of these. */
  static is(tensor: Tensor): tensor is HostTensor {
    return #values in tensor;
  }

  constructor(values: Values, shape: readonly number[], dtype: DataType) {
    super([...shape], dtype, {}, (engine() as unknown as TensorNumbers).nextTensorId());
    this.#values = values;
    // In tfjs it is a field, which an accessor of the prototype would not hide.
    Object.defineProperty(this, 'dataId', { get: () => this.#hold().dataId });
  }

  override data<Type extends DataType = NumericDataType>(): Promise<DataTypeMap[Type]> {
    return Promise.resolve(this.dataSync<Type>());
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as tfjs has it
  override dataSync<Type extends DataType = NumericDataType>(): DataTypeMap[Type] {
    this.throwIfDisposed();
    return this.#held ? this.#held.dataSync<Type>() : (this.#values as DataTypeMap[Type]);
  }

  override dispose(): void {
    this.#held?.dispose();
    this.isDisposedInternal = true;
  }

  /** Whether a backend has it. */
  get isHeld(): boolean {
    return this.#held !== null;
  }

  /** A tensor of the current backend with the same values, without asking a backend to hold this one. */
  copy(): Tensor {
    return makeTensor(this.dataSync().slice(), this.shape, this.dtype);
  }

  #hold(): Tensor {
    this.throwIfDisposed();
    this.#held ??= keep(makeTensor(this.#values, this.shape, this.dtype));
    return this.#held;
  }
}

/** A tensor over this array, which stays out of every backend until an op asks for it. */
export function hostTensor(values: Values, shape: readonly number[]): Tensor {
  return new HostTensor(values, shape, isFloat32Array(values) ? 'float32' : 'int32');
}

/** Whether a tensor waits for the first op, and will then be one of the backend that is current. */
export function isInHostMemory(tensor: Tensor): boolean {
  return HostTensor.is(tensor) && !tensor.isHeld;
}

/** Another tensor with the same values. It may share a buffer with the first. */
export function cloned(tensor: Tensor): Tensor {
  return HostTensor.is(tensor) ? tensor.copy() : clone(tensor);
}
