/** Where is read, and what. */
import { addressByContent, contentGradients, type ContentQuery } from '../fast-content.js';
import {
  backwardMode,
  contentMode,
  forwardMode,
  modeCount,
  type MemoryFrame,
  type MemoryGradients,
  type MemoryStep,
} from './frame.js';

function readQuery(
  frame: MemoryFrame,
  element: number,
  head: number,
  step: MemoryStep,
): ContentQuery {
  const { memorySize: slots, wordSize, readHeads } = frame.sizes;
  const { starts, width } = frame.layout;
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

export function read(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
): void {
  const { memorySize: slots, wordSize, readHeads } = frame.sizes;
  const links = element * slots * slots;
  const memory = element * slots * wordSize;
  for (let head = 0; head < readHeads; head++) {
    addressByContent(readQuery(frame, element, head, step));
    const weights = (element * readHeads + head) * slots;
    const words = (element * readHeads + head) * wordSize;
    const modes = element * frame.layout.width + frame.layout.starts.read_mode + head * modeCount;
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

/** Leaves gradients by the previous read weights for {@link usageBack}. */
export function readBack(
  frame: MemoryFrame,
  element: number,
  previous: MemoryStep,
  step: MemoryStep,
  byReadWords: Float64Array,
  gradients: MemoryGradients,
  byRaw: Float64Array,
): void {
  const { memorySize: slots, wordSize, readHeads } = frame.sizes;
  const { starts, width } = frame.layout;
  const links = element * slots * slots;
  const memory = element * slots * wordSize;
  const byReadWeights = frame.byReadWeights;
  const byPrevious = frame.byPreviousReadWeights.fill(0);
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
      frame.byContent[slot] = byWeight * contentShare;
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
      readQuery(frame, element, head, step),
      frame.byContent,
      gradients.memory,
      byRaw,
    );
  }
}
