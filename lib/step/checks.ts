/** Checks of what a step is given; each error names the argument, what it was and the remedy. */
import { engine, getBackend, Tensor, Variable } from '@tensorflow/tfjs-core';
import { DeviceBuffer } from '../engines/device-buffer.js';
import { isFloat32Array } from '../values/brands.js';
import { isInHostMemory } from '../engines/host-tensor.js';
import { shown } from '../values/shown.js';

/** "gradients[3] (gradient of dense/kernel)", or what else names one tensor of a step. */
export type Label = () => string;

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

/**
 * Whether a tensor is disposed of. `isDisposed` alone does not tell: tf.disposeVariables() leaves it
 * false. It forgets the variable, and its data unless another tensor shares them.
 */
export function isGone(tensor: Tensor): boolean {
  if (tensor.isDisposed) return true;
  const { registeredVariables, state } = engine();
  if (tensor instanceof Variable && registeredVariables[tensor.name] !== tensor) return true;
  return !isInHostMemory(tensor) && !state.tensorInfo.has(tensor.dataId);
}

/** The name of the backend that holds a tensor's data. */
function backendOf(tensor: Tensor): string {
  const { state, registry } = engine();
  const holder = state.tensorInfo.get(tensor.dataId)?.backend;
  return Object.keys(registry).find((name) => registry[name] === holder) ?? 'unknown';
}

/** Whether the current backend holds a tensor's data. */
export function isOnCurrentBackend(tensor: Tensor): boolean {
  if (isInHostMemory(tensor)) return true;
  const { state, backend } = engine();
  return state.tensorInfo.get(tensor.dataId)?.backend === backend;
}

/**
 * Checks a tensor of a step: not disposed, float32, on the current backend, of the wanted shape.
 * `label` is called for the message alone.
 */
export function checkTensor(
  label: Label,
  tensor: unknown,
  shape?: readonly number[],
): asserts tensor is Tensor {
  if (!isTensor(tensor)) {
    throw new TypeError(`${label()} must be a tf.Tensor, not ${shown(tensor)}.`);
  }
  if (isGone(tensor)) {
    throw new Error(`${label()} is disposed; keep it until the step is done.`);
  }
  if (tensor.dtype !== 'float32') {
    throw new TypeError(
      `${label()} has dtype ${tensor.dtype}; a step takes float32, cast it with tf.cast.`,
    );
  }
  if (shape) checkShape(label, tensor.shape, shape);
  if (!isOnCurrentBackend(tensor)) {
    throw new Error(
      `${label()} lives on backend '${backendOf(tensor)}', but the current backend is ` +
        `'${getBackend()}'; make the step on its own backend: tf.setBackend('${backendOf(tensor)}').`,
    );
  }
}

/** As {@link checkTensor}, for a variable. */
export function checkVariable(label: Label, variable: unknown): asserts variable is Variable {
  if (!(variable instanceof Variable)) {
    throw new TypeError(`${label()} must be a tf.Variable, not ${shown(variable)}.`);
  }
  checkTensor(label, variable);
}

function checkShape(label: Label, shape: readonly number[], wanted: readonly number[]): void {
  if (shape.length !== wanted.length || shape.some((size, axis) => size !== wanted[axis])) {
    throw new RangeError(
      `${label()} has shape ${shapeText(shape)}, but its parameter has ${shapeText(wanted)}.`,
    );
  }
}

/** Checks a loss: a number or a scalar float32 tensor, not disposed, on any backend. */
export function checkLoss(owner: string, loss: unknown): asserts loss is number | Tensor {
  if (typeof loss === 'number') return;
  if (!isTensor(loss)) {
    throw new TypeError(
      `${owner}: loss must be a number or a scalar tensor, not ${shown(loss)}; the step size is ` +
        'computed from the loss at the current parameters.',
    );
  }
  if (isGone(loss)) throw new Error(`${owner}: loss is disposed; keep it until the step is done.`);
  if (loss.rank !== 0) {
    throw new RangeError(
      `${owner}: loss must be a scalar, not a tensor of shape ${shapeText(loss.shape)}; take its ` +
        'mean over the batch, as the gradients do.',
    );
  }
  if (loss.dtype !== 'float32') {
    throw new TypeError(`${owner}: loss has dtype ${loss.dtype}; cast it to float32.`);
  }
}

/** A loss as the engine of the current backend takes it: a tensor of another backend is read. */
export function lossForBackend(loss: number | Tensor): number | Tensor {
  if (typeof loss === 'number') return loss;
  return isOnCurrentBackend(loss) ? loss : loss.dataSync()[0]!;
}

/**
 * A list as it is now. An accessor or a proxy in its place may give something else the next time, and
 * may do anything to what was read before; a copy is read once and is what it was checked to be.
 */
export function copiedList(list: readonly unknown[]): unknown[] {
  // Array.from with a function takes 20 times as long.
  const copy = new Array<unknown>(list.length);
  for (let i = 0; i < copy.length; i++) copy[i] = list[i];
  return copy;
}

/** Checks that `list` is an array with as many entries as there are parameters. */
export function checkList(
  label: string,
  list: unknown,
  length: number,
): asserts list is readonly unknown[] {
  if (!Array.isArray(list)) throw new TypeError(`${label} must be an array, not ${shown(list)}.`);
  if (list.length !== length) {
    throw new RangeError(
      `${label} has ${list.length} entries, but there are ${length} parameters; it takes one for ` +
        'each, in the same order' +
        (label.endsWith('gradients') ? ', null where there is no gradient.' : '.'),
    );
  }
}

/** Checks that a step has at least one gradient. */
export function checkSomeGradient(owner: string, gradients: readonly unknown[]): void {
  if (gradients.some((gradient) => gradient !== null)) return;
  throw new Error(
    `${owner}: none of the ${gradients.length} parameters has a gradient, so that there is no step ` +
      'to make; check that the loss depends on them and that they are trainable.',
  );
}

/** Checks one host array. */
export function checkArray(
  label: Label,
  array: unknown,
  length?: number,
): asserts array is Float32Array {
  if (!isFloat32Array(array)) {
    throw new TypeError(`${label()} must be a Float32Array, not ${shown(array)}.`);
  }
  if (length !== undefined && array.length !== length) {
    throw new RangeError(
      `${label()} has ${array.length} elements, but its parameter has ${length}.`,
    );
  }
}

/** Checks one array in the memory of a GPU. */
export function checkDeviceBuffer(
  label: Label,
  buffer: unknown,
  length?: number,
): asserts buffer is DeviceBuffer {
  if (!(buffer instanceof DeviceBuffer)) {
    throw new TypeError(`${label()} must be a DeviceBuffer, not ${shown(buffer)}.`);
  }
  if (buffer.isDisposed) {
    throw new Error(`${label()} is disposed; keep it until the step is done.`);
  }
  if (length !== undefined && buffer.length !== length) {
    throw new RangeError(
      `${label()} has ${buffer.length} elements, but its parameter has ${length}.`,
    );
  }
}
