import { memory } from '@tensorflow/tfjs-core';

/** How many tensors exist, on all backends together. */
export function tensorCount(): number {
  return memory().numTensors;
}

/** How many tensors more there are after the action than before it. */
export function tensorsAdded(action: () => void): number {
  const before = tensorCount();
  action();
  return tensorCount() - before;
}
