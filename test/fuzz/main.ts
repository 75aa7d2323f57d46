/** `npm run fuzz`: the properties of test/fuzz over cases of an arbitrary seed, for as long as asked. */
import '@tensorflow/tfjs-node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import fc from 'fast-check';
import { properties } from './properties.js';

const program = new Command('npm run fuzz --')
  .description(
    'Fuzzes the public surface and damages files; a case that fails is printed with its seed and path.',
  )
  .option('--minutes <number>', 'how long', '5')
  .option('--seed <number>', 'of the first cases; default: the time', String(Date.now() % 2 ** 31))
  .parse();
const { minutes, seed } = program.opts<{ minutes: string; seed: string }>();
const [duration, first] = [Number(minutes), Number(seed)];
if (!(duration > 0)) program.error(`--minutes must be a positive number, not '${minutes}'`);
if (!Number.isInteger(first)) program.error(`--seed must be a whole number, not '${seed}'`);

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-fuzz-'));
const counts = new Map<string, number>();
try {
  const all = properties(folder);
  const end = performance.now() + duration * 60_000;
  for (let round = 0; performance.now() < end; round++) {
    for (const { title, property, rate } of all) {
      await fc.assert(property, { seed: first + round, numRuns: 10 * rate });
      counts.set(title, (counts.get(title) ?? 0) + 10 * rate);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const [title, count] of counts) console.log(`${title}: ${count} cases, none failed`);
console.log(`first seed ${first}`);
