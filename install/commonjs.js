// Makes the package's CommonJS build of what tsc has written to dist/lib: tfjs-alig.cjs, its types, and
// the module that Node's `import` gets. docs/platforms.md, "One state in both formats", says why.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../dist/lib', import.meta.url));
const entry = join(folder, 'index.js');
const nameOf = (extension) => join(folder, `tfjs-alig.${extension}`);

await build({
  entryPoints: [entry],
  outfile: nameOf('cjs'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // The oldest Node in package.json's engines.
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  // esbuild renames a class that names itself; users see the names in stacks and in the console.
  keepNames: true,
  // package.ts takes __filename where there is no import.meta.url.
  logOverride: { 'empty-import-meta': 'silent' },
  logLevel: 'warning',
});

const values = Object.entries(await import(pathToFileURL(entry).href));
const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));
const classes = values.filter(([, value]) => typeof value === 'function' && isClass(value));

writeFileSync(
  nameOf('mjs'),
  `export {\n${values.map(([name]) => `  ${name},\n`).join('')}} from './tfjs-alig.cjs';\n`,
);

// A class is a value and a type; all other types are re-exported. The declarations are those of the
// ES modules, so that both formats have the same types.
writeFileSync(
  nameOf('d.cts'),
  [
    "import type * as esm from './index.js' with { 'resolution-mode': 'import' };",
    "export type * from './index.js' with { 'resolution-mode': 'import' };",
    ...values.map(([name]) => `export declare const ${name}: typeof esm.${name};`),
    ...classes.map(([name]) => `export type ${name} = esm.${name};`),
    '',
  ].join('\n'),
);
