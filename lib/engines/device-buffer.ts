import type { Addon, DeviceMemory } from '../platform/addon.js';
import { isFloat32Array } from '../values/brands.js';
import { shown } from '../values/shown.js';
import { addonForSteps } from './addon.js';

function addon(): Addon {
  const state = addonForSteps();
  if (!state.addon) throw new Error(state.report);
  return state.addon;
}

/** The memory of a buffer, for the engine; throws if it is disposed. */
let memoryOf: (buffer: DeviceBuffer) => DeviceMemory;

/** Where a buffer lies in the memory of the GPU; throws if it is disposed. */
export let addressOf: (buffer: DeviceBuffer) => number;

/** Enqueues a copy on the GPU: for benchmarks, as what a step is measured by. */
export function copyOnDevice(to: DeviceBuffer, from: DeviceBuffer): void {
  addon().cudaCopy(memoryOf(to), memoryOf(from));
}

/**
 * An array of float32 numbers in the memory of an NVIDIA GPU, for `fusedAliGStep` without
 * TensorFlow. It lies on the first GPU that the process sees (CUDA_VISIBLE_DEVICES chooses).
 *
 * Dispose of it when it is no longer needed; one that is forgotten gives its memory back when
 * JavaScript's garbage collector finds it.
 */
export class DeviceBuffer {
  /** Number of elements. */
  readonly length: number;
  #memory: DeviceMemory | null;
  readonly #address: number;

  static {
    memoryOf = (buffer) => buffer.#usable();
    addressOf = (buffer) => {
      buffer.#usable();
      return buffer.#address;
    };
  }

  private constructor(length: number) {
    this.length = length;
    this.#memory = addon().cudaAllocate(length);
    this.#address = addon().cudaAddress(this.#memory);
  }

  /**
   * Copies an array to the GPU.
   *
   * @throws Error with the reason where there is no GPU, add-on or CUDA engine, or no memory left.
   */
  static upload(values: Float32Array): DeviceBuffer {
    if (!isFloat32Array(values)) {
      throw new TypeError(`DeviceBuffer.upload takes a Float32Array, not ${shown(values)}.`);
    }
    return DeviceBuffer.#filled(values.length, (memory) => {
      addon().cudaUpload(memory, values);
    });
  }

  /**
   * Makes an array of zeros on the GPU, as velocities are before the first step.
   *
   * @throws As {@link upload}.
   */
  static zeros(length: number): DeviceBuffer {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(
        `DeviceBuffer.zeros takes a whole number of elements, 0 or more, not ${shown(length)}.`,
      );
    }
    return DeviceBuffer.#filled(length, (memory) => {
      addon().cudaSetZero(memory);
    });
  }

  static #filled(length: number, fill: (memory: DeviceMemory) => void): DeviceBuffer {
    const buffer = new DeviceBuffer(length);
    try {
      fill(buffer.#usable());
      return buffer;
    } catch (error) {
      buffer.dispose();
      throw error;
    }
  }

  /** Whether {@link dispose} was called. */
  get isDisposed(): boolean {
    return this.#memory === null;
  }

  /** Copies the array from the GPU, after the steps that were made before this call. */
  download(): Float32Array {
    const values = new Float32Array(this.length);
    addon().cudaDownload(this.#usable(), values);
    return values;
  }

  /** Frees the memory, after the steps that still use it. Repeating it does nothing. */
  dispose(): void {
    if (this.#memory) addon().cudaDispose(this.#memory);
    this.#memory = null;
  }

  #usable(): DeviceMemory {
    if (!this.#memory) throw new Error('This DeviceBuffer is disposed; make a new one.');
    return this.#memory;
  }
}
