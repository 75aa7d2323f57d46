/**
 * The memory of the fast form: one time step forward and back on host arrays, in double precision,
 * for one write head. What it computes is written down in addressing.ts and core.ts; here are the
 * same formulas and their derivatives, element by element of the batch.
 */
import { epsilon } from './addressing.js';
import { addressByContent, contentGradients, type ContentQuery, lengthOf } from './fast-content.js';
import { type InterfaceLayer, interfaceLayers, interfaceWidths } from './parameters.js';
import type { DncSizes } from './sizes.js';

/** 1 / (1 + e^-x) */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + e^x) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** Read modes with one write head, in their order. */
const modeCount = 3;
const [backwardMode, forwardMode, contentMode] = [0, 1, 2];

/** Where each layer's numbers start in the interface, and how many numbers it has in all. */
export interface InterfaceLayout {
  readonly starts: Readonly<Record<InterfaceLayer, number>>;
  readonly width: number;
}

/** The layers of the interface side by side, in the order of the parameters. */
export function interfaceLayout(sizes: DncSizes): InterfaceLayout {
  const widths = interfaceWidths(sizes);
  const starts: Partial<Record<InterfaceLayer, number>> = {};
  let width = 0;
  for (const layer of interfaceLayers) {
    starts[layer] = width;
    width += widths[layer];
  }
  return { starts: starts as Record<InterfaceLayer, number>, width };
}

/**
 * A time step's memory and what its derivative needs. The leading axis is always the batch's; N
 * slots, D numbers a slot, R read heads.
 */
export interface MemoryStep {
  /** [width of the interface], after the activations. */
  readonly interface: Float64Array;
  /** [N], after writing and before reading. */
  readonly writtenUsage: Float64Array;
  /** [N] */
  readonly usage: Float64Array;
  /** [N], slots from the least used on. */
  readonly order: Int32Array;
  /** [N] by slot: what the slots before it in the order leave over. */
  readonly leftOver: Float64Array;
  /** [N] */
  readonly allocation: Float64Array;
  /** [N] */
  readonly writeSimilarities: Float64Array;
  /** [N] */
  readonly writeContent: Float64Array;
  /** [N] */
  readonly writeWeights: Float64Array;
  /** [N, D] */
  readonly memory: Float64Array;
  /** [N], lengths of the slots. */
  readonly lengths: Float64Array;
  /** [N, N] */
  readonly link: Float64Array;
  /** [N] */
  readonly precedence: Float64Array;
  /** [R, N] */
  readonly readSimilarities: Float64Array;
  /** [R, N] */
  readonly readContent: Float64Array;
  /** [R, N] */
  readonly forward: Float64Array;
  /** [R, N] */
  readonly backward: Float64Array;
  /** [R, N] */
  readonly readWeights: Float64Array;
  /** [R, D] */
  readonly readWords: Float64Array;
}

/** Gradients by a step's memory, on their way from the last time step to the first. */
export type MemoryGradients = Pick<
  MemoryStep,
  'usage' | 'memory' | 'link' | 'precedence' | 'readWeights'
>;

/** The memory access of the fast form for batches of one size. */
export class FastMemory {
  readonly layout: InterfaceLayout;
  readonly #batchSize: number;
  readonly #sizes: DncSizes;
  // Gradients of one element of the batch, inside a time step.
  readonly #byReadWeights: Float64Array;
  readonly #byPreviousReadWeights: Float64Array;
  readonly #byWriteWeights: Float64Array;
  readonly #byContent: Float64Array;
  readonly #byAllocation: Float64Array;

  constructor(sizes: DncSizes, batchSize: number) {
    this.#sizes = sizes;
    this.#batchSize = batchSize;
    this.layout = interfaceLayout(sizes);
    const { memorySize, readHeads } = sizes;
    this.#byReadWeights = new Float64Array(readHeads * memorySize);
    this.#byPreviousReadWeights = new Float64Array(readHeads * memorySize);
    this.#byWriteWeights = new Float64Array(memorySize);
    this.#byContent = new Float64Array(memorySize);
    this.#byAllocation = new Float64Array(memorySize);
  }

  /** Arrays for a time step; as they are, the state before the first one. */
  createStep(): MemoryStep {
    const { memorySize: slots, wordSize, readHeads } = this.#sizes;
    const array = (length: number) => new Float64Array(this.#batchSize * length);
    return {
      interface: array(this.layout.width),
      writtenUsage: array(slots),
      usage: array(slots),
      order: new Int32Array(this.#batchSize * slots),
      leftOver: array(slots),
      allocation: array(slots),
      writeSimilarities: array(slots),
      writeContent: array(slots),
      writeWeights: array(slots),
      memory: array(slots * wordSize),
      lengths: array(slots).fill(Math.sqrt(epsilon)),
      link: array(slots * slots),
      precedence: array(slots),
      readSimilarities: array(readHeads * slots),
      readContent: array(readHeads * slots),
      forward: array(readHeads * slots),
      backward: array(readHeads * slots),
      readWeights: array(readHeads * slots),
      readWords: array(readHeads * wordSize),
    };
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
    for (let element = 0; element < this.#batchSize; element++) {
      this.#activate(element, raw, step);
      this.#updateUsage(element, previous, step);
      this.#allocate(element, step);
      this.#write(element, previous, step);
      this.#link(element, previous, step);
      this.#read(element, previous, step);
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
    for (let element = 0; element < this.#batchSize; element++) {
      this.#readBack(element, previous, step, byReadWords, gradients, byRaw);
      this.#linkBack(element, previous, step, gradients);
      this.#writeBack(element, previous, step, gradients, byRaw);
      this.#allocateBack(element, step, gradients);
      this.#usageBack(element, previous, step, gradients, byRaw);
      this.#activateBack(element, step, byRaw);
    }
  }

  #activate(element: number, raw: Float32Array, { interface: activated }: MemoryStep): void {
    const { starts, width } = this.layout;
    const { wordSize, readHeads } = this.#sizes;
    const base = element * width;
    for (let i = base; i < base + width; i++) {
      activated[i] = raw[i]!;
    }
    const apply = (layer: InterfaceLayer, count: number, activation: (x: number) => number) => {
      const start = base + starts[layer];
      for (let i = start; i < start + count; i++) {
        activated[i] = activation(activated[i]!);
      }
    };
    apply('erase_vectors', wordSize, sigmoid);
    apply('free_gate', readHeads, sigmoid);
    apply('allocation_gate', 1, sigmoid);
    apply('write_gate', 1, sigmoid);
    apply('write_strengths', 1, softplus);
    apply('read_strengths', readHeads, softplus);
    for (let head = 0; head < readHeads; head++) {
      const start = base + starts.read_mode + head * modeCount;
      const largest = Math.max(activated[start]!, activated[start + 1]!, activated[start + 2]!);
      let total = 0;
      for (let i = start; i < start + modeCount; i++) {
        const share = Math.exp(activated[i]! - largest);
        activated[i] = share;
        total += share;
      }
      for (let i = start; i < start + modeCount; i++) {
        activated[i]! /= total;
      }
    }
  }

  /** From gradients by the activated interface to those by the raw one, in place. */
  #activateBack(element: number, { interface: activated }: MemoryStep, byRaw: Float64Array): void {
    const { starts, width } = this.layout;
    const { wordSize, readHeads } = this.#sizes;
    const base = element * width;
    const apply = (layer: InterfaceLayer, count: number, slope: (y: number) => number) => {
      const start = base + starts[layer];
      for (let i = start; i < start + count; i++) {
        byRaw[i]! *= slope(activated[i]!);
      }
    };
    const sigmoidSlope = (y: number) => y * (1 - y);
    const softplusSlope = (y: number) => -Math.expm1(-y);
    apply('erase_vectors', wordSize, sigmoidSlope);
    apply('free_gate', readHeads, sigmoidSlope);
    apply('allocation_gate', 1, sigmoidSlope);
    apply('write_gate', 1, sigmoidSlope);
    apply('write_strengths', 1, softplusSlope);
    apply('read_strengths', readHeads, softplusSlope);
    for (let head = 0; head < readHeads; head++) {
      const start = base + starts.read_mode + head * modeCount;
      let mean = 0;
      for (let i = start; i < start + modeCount; i++) {
        mean += activated[i]! * byRaw[i]!;
      }
      for (let i = start; i < start + modeCount; i++) {
        byRaw[i] = activated[i]! * (byRaw[i]! - mean);
      }
    }
  }

  #updateUsage(element: number, previous: MemoryStep, step: MemoryStep): void {
    const { memorySize: slots, readHeads } = this.#sizes;
    const freeGates = element * this.layout.width + this.layout.starts.free_gate;
    for (let slot = 0; slot < slots; slot++) {
      const i = element * slots + slot;
      const written = previous.usage[i]! + (1 - previous.usage[i]!) * previous.writeWeights[i]!;
      let retained = 1;
      for (let head = 0; head < readHeads; head++) {
        const read = previous.readWeights[(element * readHeads + head) * slots + slot]!;
        retained *= 1 - step.interface[freeGates + head]! * read;
      }
      step.writtenUsage[i] = written;
      step.usage[i] = written * retained;
    }
  }

  #usageBack(
    element: number,
    previous: MemoryStep,
    step: MemoryStep,
    gradients: MemoryGradients,
    byRaw: Float64Array,
  ): void {
    const { memorySize: slots, readHeads } = this.#sizes;
    const freeGates = element * this.layout.width + this.layout.starts.free_gate;
    byRaw.fill(0, freeGates, freeGates + readHeads);
    const byPrevious = this.#byPreviousReadWeights;
    const factor = (head: number, slot: number) => {
      const read = previous.readWeights[(element * readHeads + head) * slots + slot]!;
      return 1 - step.interface[freeGates + head]! * read;
    };
    for (let slot = 0; slot < slots; slot++) {
      const i = element * slots + slot;
      const byUsage = gradients.usage[i]!;
      const byRetained = byUsage * step.writtenUsage[i]!;
      let retained = 1;
      for (let head = 0; head < readHeads; head++) {
        retained *= factor(head, slot);
        // A quotient would be shorter, but a factor can be 0.
        let others = byRetained;
        for (let other = 0; other < readHeads; other++) {
          if (other !== head) others *= factor(other, slot);
        }
        const read = previous.readWeights[(element * readHeads + head) * slots + slot]!;
        byRaw[freeGates + head]! -= others * read;
        byPrevious[head * slots + slot]! -= others * step.interface[freeGates + head]!;
      }
      // No gradient goes to the write weights: the published code stops it.
      gradients.usage[i] = byUsage * retained * (1 - previous.writeWeights[i]!);
    }
    gradients.readWeights.set(byPrevious, element * readHeads * slots);
  }

  #allocate(element: number, { usage, order, leftOver, allocation }: MemoryStep): void {
    const slots = this.#sizes.memorySize;
    const base = element * slots;
    for (let slot = 0; slot < slots; slot++) {
      // Sorting by insertion keeps the lower index first among equals.
      let rank = slot;
      while (rank > 0 && usage[base + order[base + rank - 1]!]! > usage[base + slot]!) {
        order[base + rank] = order[base + rank - 1]!;
        rank--;
      }
      order[base + rank] = slot;
    }
    let product = 1;
    for (let rank = 0; rank < slots; rank++) {
      const i = base + order[base + rank]!;
      const used = epsilon + (1 - epsilon) * usage[i]!;
      leftOver[i] = product;
      allocation[i] = (1 - used) * product;
      product *= used;
    }
  }

  #allocateBack(
    element: number,
    { usage, order, leftOver, allocation }: MemoryStep,
    gradients: MemoryGradients,
  ): void {
    const slots = this.#sizes.memorySize;
    const base = element * slots;
    let bySlotsBehind = 0;
    for (let rank = slots - 1; rank >= 0; rank--) {
      const slot = order[base + rank]!;
      const i = base + slot;
      const used = epsilon + (1 - epsilon) * usage[i]!;
      const byAllocation = this.#byAllocation[slot]!;
      const byUsed = bySlotsBehind / used - byAllocation * leftOver[i]!;
      gradients.usage[i]! += (1 - epsilon) * byUsed;
      bySlotsBehind += byAllocation * allocation[i]!;
    }
  }

  #writeQuery(element: number, previous: MemoryStep, step: MemoryStep): ContentQuery {
    const { memorySize: slots, wordSize } = this.#sizes;
    const { starts, width } = this.layout;
    return {
      slots,
      wordSize,
      memory: previous.memory,
      memoryStart: element * slots * wordSize,
      lengths: previous.lengths,
      lengthsStart: element * slots,
      keys: step.interface,
      keyStart: element * width + starts.write_keys,
      strength: step.interface[element * width + starts.write_strengths]!,
      start: element * slots,
      similarities: step.writeSimilarities,
      weights: step.writeContent,
    };
  }

  #write(element: number, previous: MemoryStep, step: MemoryStep): void {
    const { memorySize: slots, wordSize } = this.#sizes;
    const { starts, width } = this.layout;
    const base = element * width;
    addressByContent(this.#writeQuery(element, previous, step));
    const allocationGate = step.interface[base + starts.allocation_gate]!;
    const writeGate = step.interface[base + starts.write_gate]!;
    const erase = base + starts.erase_vectors;
    const values = base + starts.write_vectors;
    for (let slot = 0; slot < slots; slot++) {
      const i = element * slots + slot;
      const weight =
        writeGate *
        (allocationGate * step.allocation[i]! + (1 - allocationGate) * step.writeContent[i]!);
      step.writeWeights[i] = weight;
      for (let place = 0; place < wordSize; place++) {
        const at = i * wordSize + place;
        step.memory[at] =
          previous.memory[at]! * (1 - weight * step.interface[erase + place]!) +
          weight * step.interface[values + place]!;
      }
      step.lengths[i] = lengthOf(step.memory, i * wordSize, wordSize);
    }
  }

  #writeBack(
    element: number,
    previous: MemoryStep,
    step: MemoryStep,
    gradients: MemoryGradients,
    byRaw: Float64Array,
  ): void {
    const { memorySize: slots, wordSize } = this.#sizes;
    const { starts, width } = this.layout;
    const base = element * width;
    const allocationGate = step.interface[base + starts.allocation_gate]!;
    const writeGate = step.interface[base + starts.write_gate]!;
    const erase = base + starts.erase_vectors;
    const values = base + starts.write_vectors;
    byRaw.fill(0, erase, erase + wordSize);
    byRaw.fill(0, values, values + wordSize);
    let byAllocationGate = 0;
    let byWriteGate = 0;
    for (let slot = 0; slot < slots; slot++) {
      const i = element * slots + slot;
      const weight = step.writeWeights[i]!;
      let byWeight = this.#byWriteWeights[slot]!;
      for (let place = 0; place < wordSize; place++) {
        const at = i * wordSize + place;
        const byMemory = gradients.memory[at]!;
        const erased = previous.memory[at]! * step.interface[erase + place]!;
        byWeight += byMemory * (step.interface[values + place]! - erased);
        byRaw[erase + place]! -= byMemory * previous.memory[at]! * weight;
        byRaw[values + place]! += byMemory * weight;
        gradients.memory[at] = byMemory * (1 - weight * step.interface[erase + place]!);
      }
      const [allocated, similar] = [step.allocation[i]!, step.writeContent[i]!];
      byWriteGate += byWeight * (allocationGate * allocated + (1 - allocationGate) * similar);
      byAllocationGate += byWeight * writeGate * (allocated - similar);
      this.#byAllocation[slot] = byWeight * writeGate * allocationGate;
      this.#byContent[slot] = byWeight * writeGate * (1 - allocationGate);
    }
    byRaw[base + starts.allocation_gate] = byAllocationGate;
    byRaw[base + starts.write_gate] = byWriteGate;
    byRaw[base + starts.write_strengths] = contentGradients(
      this.#writeQuery(element, previous, step),
      this.#byContent,
      gradients.memory,
      byRaw,
    );
  }

  #link(element: number, previous: MemoryStep, step: MemoryStep): void {
    const slots = this.#sizes.memorySize;
    const base = element * slots;
    let total = 0;
    for (let to = 0; to < slots; to++) {
      const weight = step.writeWeights[base + to]!;
      total += weight;
      for (let from = 0; from < slots; from++) {
        const at = (base + to) * slots + from;
        step.link[at] =
          (1 - weight - step.writeWeights[base + from]!) * previous.link[at]! +
          weight * previous.precedence[base + from]!;
      }
      step.link[(base + to) * slots + to] = 0;
    }
    for (let i = base; i < base + slots; i++) {
      step.precedence[i] = (1 - total) * previous.precedence[i]! + step.writeWeights[i]!;
    }
  }

  /** Leaves gradients by the write weights for {@link #writeBack}. */
  #linkBack(
    element: number,
    previous: MemoryStep,
    step: MemoryStep,
    gradients: MemoryGradients,
  ): void {
    const slots = this.#sizes.memorySize;
    const base = element * slots;
    const byWriteWeights = this.#byWriteWeights;
    let total = 0;
    let byTotal = 0;
    for (let slot = 0; slot < slots; slot++) {
      total += step.writeWeights[base + slot]!;
      byTotal -= gradients.precedence[base + slot]! * previous.precedence[base + slot]!;
    }
    for (let slot = 0; slot < slots; slot++) {
      const byPrecedence = gradients.precedence[base + slot]!;
      byWriteWeights[slot] = byPrecedence + byTotal;
      gradients.precedence[base + slot] = byPrecedence * (1 - total);
    }
    for (let to = 0; to < slots; to++) {
      const weight = step.writeWeights[base + to]!;
      gradients.link[(base + to) * slots + to] = 0;
      let byWeight = 0;
      for (let from = 0; from < slots; from++) {
        const at = (base + to) * slots + from;
        const byLink = gradients.link[at]!;
        const byKept = byLink * previous.link[at]!;
        byWeight += byLink * previous.precedence[base + from]! - byKept;
        byWriteWeights[from]! -= byKept;
        gradients.precedence[base + from]! += byLink * weight;
        gradients.link[at] = byLink * (1 - weight - step.writeWeights[base + from]!);
      }
      byWriteWeights[to]! += byWeight;
    }
  }

  #readQuery(element: number, head: number, step: MemoryStep): ContentQuery {
    const { memorySize: slots, wordSize, readHeads } = this.#sizes;
    const { starts, width } = this.layout;
    return {
      slots,
      wordSize,
      memory: step.memory,
      memoryStart: element * slots * wordSize,
      lengths: step.lengths,
      lengthsStart: element * slots,
      keys: step.interface,
      keyStart: element * width + starts.read_keys + head * wordSize,
      strength: step.interface[element * width + starts.read_strengths + head]!,
      start: (element * readHeads + head) * slots,
      similarities: step.readSimilarities,
      weights: step.readContent,
    };
  }

  #read(element: number, previous: MemoryStep, step: MemoryStep): void {
    const { memorySize: slots, wordSize, readHeads } = this.#sizes;
    const links = element * slots * slots;
    const memory = element * slots * wordSize;
    for (let head = 0; head < readHeads; head++) {
      addressByContent(this.#readQuery(element, head, step));
      const weights = (element * readHeads + head) * slots;
      const words = (element * readHeads + head) * wordSize;
      const modes = element * this.layout.width + this.layout.starts.read_mode + head * modeCount;
      const backwardShare = step.interface[modes + backwardMode]!;
      const forwardShare = step.interface[modes + forwardMode]!;
      const contentShare = step.interface[modes + contentMode]!;
      step.backward.fill(0, weights, weights + slots);
      for (let to = 0; to < slots; to++) {
        const startedAt = previous.readWeights[weights + to]!;
        let arrived = 0;
        for (let from = 0; from < slots; from++) {
          const link = step.link[links + to * slots + from]!;
          arrived += previous.readWeights[weights + from]! * link;
          step.backward[weights + from]! += startedAt * link;
        }
        step.forward[weights + to] = arrived;
      }
      step.readWords.fill(0, words, words + wordSize);
      for (let slot = 0; slot < slots; slot++) {
        const i = weights + slot;
        const weight =
          contentShare * step.readContent[i]! +
          forwardShare * step.forward[i]! +
          backwardShare * step.backward[i]!;
        step.readWeights[i] = weight;
        for (let place = 0; place < wordSize; place++) {
          step.readWords[words + place]! += weight * step.memory[memory + slot * wordSize + place]!;
        }
      }
    }
  }

  /** Leaves gradients by the previous read weights for {@link #usageBack}. */
  #readBack(
    element: number,
    previous: MemoryStep,
    step: MemoryStep,
    byReadWords: Float64Array,
    gradients: MemoryGradients,
    byRaw: Float64Array,
  ): void {
    const { memorySize: slots, wordSize, readHeads } = this.#sizes;
    const { starts, width } = this.layout;
    const links = element * slots * slots;
    const memory = element * slots * wordSize;
    const byReadWeights = this.#byReadWeights;
    const byPrevious = this.#byPreviousReadWeights.fill(0);
    for (let head = 0; head < readHeads; head++) {
      const weights = (element * readHeads + head) * slots;
      const words = (element * readHeads + head) * wordSize;
      const modes = element * width + starts.read_mode + head * modeCount;
      const backwardShare = step.interface[modes + backwardMode]!;
      const forwardShare = step.interface[modes + forwardMode]!;
      const contentShare = step.interface[modes + contentMode]!;
      let byBackwardMode = 0;
      let byForwardMode = 0;
      let byContentMode = 0;
      for (let slot = 0; slot < slots; slot++) {
        const i = weights + slot;
        const weight = step.readWeights[i]!;
        let byWeight = gradients.readWeights[i]!;
        for (let place = 0; place < wordSize; place++) {
          const at = memory + slot * wordSize + place;
          const byWord = byReadWords[words + place]!;
          byWeight += byWord * step.memory[at]!;
          gradients.memory[at]! += byWord * weight;
        }
        byReadWeights[head * slots + slot] = byWeight;
        byBackwardMode += byWeight * step.backward[i]!;
        byForwardMode += byWeight * step.forward[i]!;
        byContentMode += byWeight * step.readContent[i]!;
        this.#byContent[slot] = byWeight * contentShare;
      }
      byRaw[modes + backwardMode] = byBackwardMode;
      byRaw[modes + forwardMode] = byForwardMode;
      byRaw[modes + contentMode] = byContentMode;
      for (let to = 0; to < slots; to++) {
        const byArrived = forwardShare * byReadWeights[head * slots + to]!;
        const startedAt = previous.readWeights[weights + to]!;
        let byStart = 0;
        for (let from = 0; from < slots; from++) {
          const at = links + to * slots + from;
          const link = step.link[at]!;
          const byWayBack = backwardShare * byReadWeights[head * slots + from]!;
          byPrevious[head * slots + from]! += byArrived * link;
          byStart += byWayBack * link;
          gradients.link[at]! +=
            byArrived * previous.readWeights[weights + from]! + byWayBack * startedAt;
        }
        byPrevious[head * slots + to]! += byStart;
      }
      byRaw[element * width + starts.read_strengths + head] = contentGradients(
        this.#readQuery(element, head, step),
        this.#byContent,
        gradients.memory,
        byRaw,
      );
    }
  }
}
