/** How much of each slot is in use. */
import type { MemoryFrame, MemoryGradients, MemoryStep } from './frame.js';

export function updateUsage(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
): void {
  const { memorySize: slots, readHeads } = frame.sizes;
  const freeGates = element * frame.layout.width + frame.layout.starts.free_gate;
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

export function usageBack(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
  gradients: MemoryGradients,
  byRaw: Float64Array,
): void {
  const { memorySize: slots, readHeads } = frame.sizes;
  const freeGates = element * frame.layout.width + frame.layout.starts.free_gate;
  byRaw.fill(0, freeGates, freeGates + readHeads);
  const byPrevious = frame.byPreviousReadWeights;
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
