/** Some seconds of fuzzing, the same cases each time; `npm run fuzz -- --minutes N` goes on. */
import '@tensorflow/tfjs-node';
import test from 'ava';
import fc from 'fast-check';
import { properties } from './properties.js';

for (const { title, property, rate } of properties) {
  test.serial(title, async (t) => {
    await t.notThrowsAsync(async () => fc.assert(property, { seed: 17, numRuns: 3 * rate }));
  });
}
