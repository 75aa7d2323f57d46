/** Training steps repeat bit for bit: in a process of their own, and taken up again in between. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import test from 'ava';

const program = fileURLToPath(new URL('fixtures/resumed-steps.js', import.meta.url));

test('steps of each network repeat bit for bit, also when they are resumed', async (t) => {
  t.timeout(1_790_000);
  const run = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    return JSON.parse(stdout) as Record<string, { whole: string; resumed: string }>;
  };
  const [first, second] = [await run(), await run()];
  t.deepEqual(Object.keys(first), ['wide-resnet', 'dense-net', 'sentence-pairs']);
  for (const [name, { whole, resumed }] of Object.entries(first)) {
    t.regex(whole, /^[0-9a-f]{64}$/);
    t.is(resumed, whole, name);
  }
  t.deepEqual(second, first);
});
