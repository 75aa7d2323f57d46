/** In which order slots were written to. */
import type { MemoryFrame, MemoryGradients, MemoryStep } from './frame.js';

export function link(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
): void {
  const slots = frame.sizes.memorySize;
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

/** Leaves gradients by the write weights for {@link writeBack}. */
export function linkBack(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
  gradients: MemoryGradients,
): void {
  const slots = frame.sizes.memorySize;
  const base = element * slots;
  const byWriteWeights = frame.byWriteWeights;
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
