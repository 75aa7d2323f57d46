/** The parts of the package that have an entry of their own: one state with the whole, and small in a bundle. */
import test from 'ava';
import { build } from 'esbuild';
import { gzipSync } from 'node:zlib';
import { packageRoot } from '../platform/folders.js';
import { runNode } from '../platform/run.js';

/** The bytes that a browser loads for a name, minified and by gzip, with tfjs outside. */
async function bundled(name: string, entry: string): Promise<{ bytes: number; text: string }> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${name} } from '${entry}';`, resolveDir: packageRoot },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    external: ['@tensorflow/*'],
    write: false,
  });
  const { contents, text } = outputFiles[0]!;
  return { bytes: gzipSync(contents, { level: 9 }).length, text };
}

// docs/platforms.md has the sizes themselves.
for (const [name, entry, most] of [
  ['crossEntropy', 'tfjs-alig/losses', 1500],
  ['stepDecay', 'tfjs-alig/schedules', 2000],
  ['learningRateScheduler', 'tfjs-alig/schedules', 3500],
  ['fusedAliGStep', 'tfjs-alig/step', 22_000],
] as const) {
  test(`${name} of ${entry} brings no optimiser into a bundle`, async (t) => {
    const { bytes, text } = await bundled(name, entry);
    t.true(bytes < most, `${bytes} bytes`);
    t.false(text.includes('registerClass'));
    t.true(bytes < (await bundled(name, 'tfjs-alig')).bytes / 2);
  });
}

test('in Node all entries and formats have one state', async (t) => {
  const source = `
    import { createRequire } from 'node:module';
    import * as all from 'tfjs-alig';
    const require = createRequire(import.meta.url);
    for (const part of ['losses', 'schedules', 'step']) {
      const required = require('tfjs-alig/' + part);
      const imported = await import('tfjs-alig/' + part);
      const names = Object.keys(imported).sort();
      const same = names.every((name) => imported[name] === all[name] && required[name] === all[name]);
      console.log(part, same && String(names) === String(Object.keys(required).sort()), names.length > 3);
    }
  `;
  for (const flags of [[], ['--conditions=tfjs-alig:modules']]) {
    const { output, exitCode } = await runNode(
      [...flags, '--input-type=module', '--eval', source],
      { cwd: packageRoot },
    );
    t.is(exitCode, 0, output);
    // With that condition the modules stand beside the CommonJS build.
    const same = flags.length === 0;
    for (const part of ['losses', 'schedules', 'step']) {
      t.regex(output, new RegExp(`^${part} ${same} true$`, 'm'));
    }
  }
});
