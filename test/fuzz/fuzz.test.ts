/** Some seconds of fuzzing, the same cases each time; `npm run fuzz -- --minutes N` goes on. */
import '@tensorflow/tfjs-node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { properties } from './properties.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-fuzz-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

for (const { title, property, rate } of properties(folder)) {
  test.serial(title, async (t) => {
    await t.notThrowsAsync(async () => fc.assert(property, { seed: 17, numRuns: 3 * rate }));
  });
}
