import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../lib/platform/package.js';
import { packageVersion } from '../lib/platform/version.js';

const mostBytes = 64 * 2 ** 20;

const nativeFiles = [
  join('build', 'Release', 'tfjs_alig.node'),
  join('build', 'cuda', 'libtfjs_alig_cuda.so'),
];

/**
 * Makes a folder from which this script runs on a machine that has only Node and NVIDIA's driver:
 * all JavaScript in one file, the add-on and the CUDA engine. Returns its size in bytes.
 */
export async function prepareTree(folder: string): Promise<number> {
  for (const file of nativeFiles) {
    if (!existsSync(join(packageRoot, file))) {
      throw new Error(`${file} is missing: npx tfjs-alig build, on a machine with nvcc`);
    }
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(packageRoot, file), join(folder, file));
  }
  // Only here: the prepared tree has no esbuild, and needs none.
  const { build } = await import('esbuild');
  await build({
    entryPoints: [fileURLToPath(new URL('./main.js', import.meta.url))],
    outfile: join(folder, 'dist', 'gpu', 'main.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['esbuild'],
    // Some packages within are CommonJS and ask for Node's own modules.
    banner: {
      js:
        "import { createRequire as requireForBundle } from 'node:module';\n" +
        'globalThis.require ??= requireForBundle(import.meta.url);',
    },
    logLevel: 'warning',
  });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify(
      {
        name: 'tfjs-alig',
        version: packageVersion,
        type: 'module',
        // By its own name the bundle finds the folder in which the native files lie.
        exports: { './package.json': './package.json' },
        scripts: { gpu: 'node dist/gpu/main.js' },
      },
      null,
      2,
    ),
  );
  const bytes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  if (bytes > mostBytes) {
    throw new Error(`the tree has ${(bytes / 2 ** 20).toFixed(1)} MiB, and 64 MiB are the limit`);
  }
  return bytes;
}
