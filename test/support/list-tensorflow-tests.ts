/**
 * Prints the compiled test files whose numbers pass through TensorFlow: those whose modules, however
 * far away, import tfjs-node. Tests of the installation (platform) and of CUDA compare no number that
 * TensorFlow computes.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const tests = fileURLToPath(new URL('../', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));
const excluded = /^(?:platform|cuda|browser)[\\/]/;

async function passesThroughTensorFlow(file: string): Promise<boolean> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  return Object.values(metafile.inputs).some(({ imports }) =>
    imports.some(({ path }) => path === '@tensorflow/tfjs-node'),
  );
}

const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js') && !excluded.test(name))
  .map((name) => relative(root, join(tests, name)))
  .sort();
const chosen: string[] = [];
for (const file of files) if (await passesThroughTensorFlow(file)) chosen.push(file);
if (chosen.length === 0) throw new Error(`None of the ${files.length} tests imports tfjs-node.`);
console.log(chosen.join('\n'));
