/** A thread that makes the mini-batches of the places that it is told, in their order. */
import { workerData } from 'node:worker_threads';

import type { Batch, Place } from './batches.js';
import type { BatchModule, PreparationInput } from './prepared-batches.js';

/** The memory of a batch's arrays, which goes to the other thread without being copied. */
function memoryOf(content: object): ArrayBuffer[] {
  return Object.values(content).flatMap((value: unknown) => {
    if (ArrayBuffer.isView(value)) {
      return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
    }
    return typeof value === 'object' && value !== null ? memoryOf(value) : [];
  });
}

const { module, data, port, made } = workerData as PreparationInput;
const { batchMaker } = (await import(module)) as BatchModule<Batch>;
const make = batchMaker(data);
port.on('message', (place: Place) => {
  const batch = make(place);
  port.postMessage(batch, memoryOf(batch));
  Atomics.add(made, 0, 1);
  Atomics.notify(made, 0);
});
