/**
 * The checks of the CUDA engine that need no GPU (native/test/check.js). Where a tool is missing
 * they say so and pass, except in CI, which has all of them.
 */
import test from 'ava';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './platform/run.js';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const toolMissing = 77;

for (const check of ['simt', 'sanitizers', 'injected', 'static']) {
  // One after the other: they share build folders, and each takes all processors to compile.
  test.serial(`CUDA engine without a GPU: ${check}`, async (t) => {
    t.timeout(590_000, 'compiles the engine several times');
    const { exitCode, output } = await runNode([join('native', 'test', 'check.js'), check], {
      cwd: packageRoot,
    });
    t.log(output.trimEnd());
    const allowed = process.env.CI ? [0] : [0, toolMissing];
    t.true(allowed.includes(exitCode ?? -1), output);
  });
}
