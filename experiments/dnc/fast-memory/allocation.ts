/** Which slots are free to be written to. */
import { epsilon } from '../addressing.js';
import type { MemoryFrame, MemoryGradients, MemoryStep } from './frame.js';

export function allocate(
  frame: MemoryFrame,
  element: number,
  { usage, order, leftOver, allocation }: MemoryStep,
): void {
  const slots = frame.sizes.memorySize;
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

export function allocateBack(
  frame: MemoryFrame,
  element: number,
  { usage, order, leftOver, allocation }: MemoryStep,
  gradients: MemoryGradients,
): void {
  const slots = frame.sizes.memorySize;
  const base = element * slots;
  let bySlotsBehind = 0;
  for (let rank = slots - 1; rank >= 0; rank--) {
    const slot = order[base + rank]!;
    const i = base + slot;
    const used = epsilon + (1 - epsilon) * usage[i]!;
    const byAllocation = frame.byAllocation[slot]!;
    const byUsed = bySlotsBehind / used - byAllocation * leftOver[i]!;
    gradients.usage[i]! += (1 - epsilon) * byUsed;
    bySlotsBehind += byAllocation * allocation[i]!;
  }
}
