// Makes the package's CommonJS build of what tsc has written to dist/lib: tfjs-alig.cjs, its types, and
// the module that Node's `import` gets. docs/platforms.md, "One state in both formats", says why.
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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

/** The value names of a module, and those of them that are classes. */
async function namesOf(file) {
  const values = Object.entries(await import(pathToFileURL(file).href));
  const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));
  return {
    names: values.map(([name]) => name),
    classes: values
      .filter(([, value]) => typeof value === 'function' && isClass(value))
      .map(([name]) => name),
  };
}

/** What Node's `import` gets of a module: the names of the CommonJS build. */
function reexports(names, build) {
  return `export {\n${names.map((name) => `  ${name},\n`).join('')}} from '${build}';\n`;
}

/**
 * The types for CommonJS. A class is a value and a type; all other types are re-exported. The declarations
 * are those of the ES modules, so that both formats have the same types.
 */
function declarations({ names, classes }, module) {
  return [
    `import type * as esm from '${module}' with { 'resolution-mode': 'import' };`,
    `export type * from '${module}' with { 'resolution-mode': 'import' };`,
    ...names.map((name) => `export declare const ${name}: typeof esm.${name};`),
    ...classes.map((name) => `export type ${name} = esm.${name};`),
    '',
  ].join('\n');
}

const all = await namesOf(entry);
writeFileSync(nameOf('mjs'), reexports(all.names, './tfjs-alig.cjs'));
writeFileSync(nameOf('d.cts'), declarations(all, './index.js'));

// The parts of the package are modules of their own for bundlers, and parts of the one build in Node. To
// import tfjs-alig/mpi starts MPI, so that it is in no other build: Node gets its module in both formats.
const parts = readdirSync(join(folder, 'exports')).filter(
  (file) => file.endsWith('.js') && file !== 'mpi.js',
);
for (const file of parts) {
  const part = join(folder, 'exports', basename(file, '.js'));
  const found = await namesOf(`${part}.js`);
  const list = found.names.join(', ');
  writeFileSync(`${part}.mjs`, reexports(found.names, '../tfjs-alig.cjs'));
  writeFileSync(
    `${part}.cjs`,
    `const { ${list} } = require('../tfjs-alig.cjs');\nmodule.exports = { ${list} };\n`,
  );
  writeFileSync(`${part}.d.cts`, declarations(found, `./${file}`));
}
