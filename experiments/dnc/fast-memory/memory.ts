/**
 * The memory of the fast form: one time step forward and back on host arrays, in double precision,
 * for one write head. What it computes is written down in addressing.ts and core.ts; here are the
 * same formulas and their derivatives, element by element of the batch; a file has a stage and its
 * derivative.
 */
import type { DncSizes } from '../sizes.js';
import { allocate, allocateBack } from './allocation.js';
import {
  memoryFrame,
  memoryStep,
  type InterfaceLayout,
  type MemoryFrame,
  type MemoryGradients,
  type MemoryStep,
} from './frame.js';
import { activate, activateBack } from './interface.js';
import { link, linkBack } from './link.js';
import { read, readBack } from './read.js';
import { updateUsage, usageBack } from './usage.js';
import { write, writeBack } from './write.js';

/** The memory access of the fast form for batches of one size. */
export class FastMemory {
  readonly #batchSize: number;
  readonly #frame: MemoryFrame;

  constructor(sizes: DncSizes, batchSize: number) {
    this.#batchSize = batchSize;
    this.#frame = memoryFrame(sizes);
  }

  get layout(): InterfaceLayout {
    return this.#frame.layout;
  }

  /** Arrays for a time step; as they are, the state before the first one. */
  createStep(): MemoryStep {
    return memoryStep(this.#frame, this.#batchSize);
  }

  /** Arrays for the gradients, at 0: nothing comes after the last time step. */
  createGradients(): MemoryGradients {
    const { usage, memory, link, precedence, readWeights } = this.createStep();
    return { usage, memory, link, precedence, readWeights };
  }

  /**
   * A time step.
   *
   * @param raw [batch, width of the interface], the linear layers' outputs
   * @param previous The step before.
   * @param step Written.
   */
  forward(raw: Float32Array, previous: MemoryStep, step: MemoryStep): void {
    const frame = this.#frame;
    for (let element = 0; element < this.#batchSize; element++) {
      activate(frame, element, raw, step);
      updateUsage(frame, element, previous, step);
      allocate(frame, element, step);
      write(frame, element, previous, step);
      link(frame, element, previous, step);
      read(frame, element, previous, step);
    }
  }

  /**
   * The same time step back.
   *
   * @param previous The step before.
   * @param step As {@link forward} left it.
   * @param byReadWords [batch, R, D], gradients by what this step read
   * @param gradients By this step's memory; afterwards by that of the step before.
   * @param byRaw Written: gradients by the linear layers' outputs.
   */
  backward(
    previous: MemoryStep,
    step: MemoryStep,
    byReadWords: Float64Array,
    gradients: MemoryGradients,
    byRaw: Float64Array,
  ): void {
    const frame = this.#frame;
    for (let element = 0; element < this.#batchSize; element++) {
      readBack(frame, element, previous, step, byReadWords, gradients, byRaw);
      linkBack(frame, element, previous, step, gradients);
      writeBack(frame, element, previous, step, gradients, byRaw);
      allocateBack(frame, element, step, gradients);
      usageBack(frame, element, previous, step, gradients, byRaw);
      activateBack(frame, element, step, byRaw);
    }
  }
}
