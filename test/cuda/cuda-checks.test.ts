/** The checks of the CUDA engine that need no GPU (native/test/check.js). */
import { join } from 'node:path';
import { packageRoot } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { testsThatNeed } from '../support/needs.js';

const script = join('native', 'test', 'check.js');
const toolMissing = 77;

/** What a check lacks on this machine. */
async function missingFor(check: string): Promise<string | undefined> {
  const { exitCode, output } = await runNode([script, check, '--tools'], { cwd: packageRoot });
  if (exitCode === 0) return undefined;
  const missing = /: skipped, (.*)/.exec(output)?.[1];
  if (exitCode !== toolMissing || missing === undefined) throw new Error(output);
  return missing;
}

const need = 'the tools of the CUDA checks';
const missing = {
  shim: await missingFor('simt'),
  fakeGpu: await missingFor('fake-gpu'),
  static: await missingFor('static'),
};
const underShim = testsThatNeed(need, missing.shim);

for (const [check, register] of [
  ['simt', underShim],
  ['sanitizers', underShim],
  ['ptx', underShim],
  ['fake-gpu', testsThatNeed(need, missing.fakeGpu)],
  ['injected', underShim],
  ['static', testsThatNeed(need, missing.static)],
] as const) {
  // One after the other: they share build folders, and each takes all processors to compile.
  register(`CUDA engine without a GPU: ${check}`, async (t) => {
    t.timeout(1_790_000, 'compiles the engine several times');
    const { exitCode, output } = await runNode([script, check], { cwd: packageRoot });
    t.log(output.trimEnd());
    t.is(exitCode, 0, output);
  });
}
