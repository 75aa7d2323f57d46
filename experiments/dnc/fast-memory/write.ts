/** Where is written, and what the memory is then. */
import {
  addressByContent,
  contentGradients,
  type ContentQuery,
  lengthOf,
} from '../fast-content.js';
import type { MemoryFrame, MemoryGradients, MemoryStep } from './frame.js';

function writeQuery(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
): ContentQuery {
  const { memorySize: slots, wordSize } = frame.sizes;
  const { starts, width } = frame.layout;
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

export function write(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
): void {
  const { memorySize: slots, wordSize } = frame.sizes;
  const { starts, width } = frame.layout;
  const base = element * width;
  addressByContent(writeQuery(frame, element, previous, step));
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

export function writeBack(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
  gradients: MemoryGradients,
  byRaw: Float64Array,
): void {
  const { memorySize: slots, wordSize } = frame.sizes;
  const { starts, width } = frame.layout;
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
    let byWeight = frame.byWriteWeights[slot]!;
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
    frame.byAllocation[slot] = byWeight * writeGate * allocationGate;
    frame.byContent[slot] = byWeight * writeGate * (1 - allocationGate);
  }
  byRaw[base + starts.allocation_gate] = byAllocationGate;
  byRaw[base + starts.write_gate] = byWriteGate;
  byRaw[base + starts.write_strengths] = contentGradients(
    writeQuery(frame, element, previous, step),
    frame.byContent,
    gradients.memory,
    byRaw,
  );
}
