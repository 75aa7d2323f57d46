/** The package as a part of a bundled server or Electron program. */
import test, { type ExecutionContext } from 'ava';
import { build, type Format } from 'esbuild';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { addonState } from '../../lib/platform/addon.js';
import { addonName } from '../../lib/platform/addon-files.js';
import { packageRoot, temporaryFolder } from './folders.js';
import { runNode } from './run.js';

const source = `
  import * as tf from '@tensorflow/tfjs-core';
  import '@tensorflow/tfjs-backend-cpu';
  import { AliG } from 'tfjs-alig';
  const w = tf.variable(tf.tensor1d([1, 2]), true, 'w');
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  optimizer.applyGradients({ w: tf.tensor1d([1, 1]) }, { loss: 1 });
  console.log(optimizer.lastStep.engine);
`;

/** What esbuild's users put above a bundle of ES modules, whose CommonJS parts call `require`. */
const requireInEsm =
  "import { createRequire as forBundle } from 'node:module';" +
  'const require = forBundle(import.meta.url);';

/** A folder with the program as one file and, beside it, tfjs, which stays outside of the bundle. */
async function bundle(
  t: ExecutionContext,
  format: Format,
): Promise<{ folder: string; file: string }> {
  const folder = temporaryFolder(t);
  const file = join(folder, format === 'cjs' ? 'program.cjs' : 'program.mjs');
  await build({
    stdin: { contents: source, resolveDir: packageRoot },
    bundle: true,
    platform: 'node',
    format,
    outfile: file,
    external: ['@tensorflow/*'],
    logLevel: 'error',
    banner: format === 'esm' ? { js: requireInEsm } : {},
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(
    join(packageRoot, 'node_modules', '@tensorflow'),
    join(folder, 'node_modules', '@tensorflow'),
  );
  return { folder, file };
}

test('no module imports createRequire, which webpack replaces by something of its own', async (t) => {
  const { outputFiles } = await build({
    stdin: { contents: "export * from 'tfjs-alig';", resolveDir: packageRoot },
    bundle: true,
    platform: 'node',
    format: 'esm',
    // detect-libc, which webpack was tried with, is CommonJS.
    external: ['@tensorflow/*', 'detect-libc'],
    write: false,
  });
  const { text } = outputFiles[0]!;
  t.regex(text, /from "node:module"/);
  t.notRegex(text, /import \{[^}]*\bcreateRequire\b/);
});

const state = addonState();
const builtHere = state.addon ? state.path : '';

for (const format of ['cjs', 'esm'] as const) {
  test(`${format}: without the add-on a bundle steps, and says where to put it`, async (t) => {
    const { folder, file } = await bundle(t, format);
    const { exitCode, output } = await runNode([file], { cwd: folder });
    t.is(exitCode, 0, output);
    t.regex(output, /^typescript$/m);
    t.true(output.includes(`This program is a bundle (${file})`), output);
    t.true(output.includes(join(folder, addonName)), output);
    t.regex(output, /TFJS_ALIG_ADDON/);
    t.notRegex(output, /npx/);
  });

  test(`${format}: a bundle finds the add-on beside it`, async (t) => {
    const { folder, file } = await bundle(t, format);
    copyFileSync(builtHere, join(folder, addonName));
    const { output } = await runNode([file], { cwd: folder });
    t.regex(output, /^native-cpu$/m);
  });

  test(`${format}: a bundle finds the add-on of the package in its node_modules`, async (t) => {
    const { folder, file } = await bundle(t, format);
    symlinkSync(packageRoot, join(folder, 'node_modules', 'tfjs-alig'));
    // From anywhere.
    const { output } = await runNode([file], { cwd: packageRoot });
    t.regex(output, /^native-cpu$/m);
  });

  test(`${format}: TFJS_ALIG_ADDON names the add-on, and nothing else is tried`, async (t) => {
    const { folder, file } = await bundle(t, format);
    const run = (path: string) =>
      runNode([file], { cwd: folder, environment: { TFJS_ALIG_ADDON: path } });
    t.regex((await run(builtHere)).output, /^native-cpu$/m);
    copyFileSync(builtHere, join(folder, addonName));
    const { output } = await run('nowhere.node');
    t.regex(output, /^typescript$/m);
    t.true(output.includes(join(folder, 'nowhere.node')), output);
    t.false(output.includes(join(folder, addonName)), output);
    t.regex(output, /TFJS_ALIG_ADDON has to name the file, or to be unset/);
  });
}
