/** A small soak, for the tensors alone: `npm run soak` shows the memory. */
import '@tensorflow/tfjs-node';
import { memory } from '@tensorflow/tfjs-core';
import test from 'ava';
import { soak } from './soak.js';

test('no part holds more tensors later than at first, or any after its end', async (t) => {
  const before = memory().numTensors;
  const counts = { smallSteps: 40, largeSteps: 16, optimizers: 60, sizes: 40 };
  const held = new Map<string, number[]>();
  for await (const { part, tensors } of soak(counts)) {
    held.set(part, [...(held.get(part) ?? []), tensors - before]);
  }
  t.deepEqual([...held.keys()], Object.keys(counts));
  for (const [part, tensors] of held) {
    t.is(tensors.at(-1), 0, part);
    t.is(tensors.length, 10, part);
    t.deepEqual(new Set(tensors.slice(1, -1)), new Set(tensors.slice(0, 1)), part);
  }
});
