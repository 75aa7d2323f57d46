import module from 'node:module';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What CommonJS leaves of this module's address, in the package's build and in bundles: nothing. webpack
 * puts the file there that it has read, on the machine that it ran on.
 */
const moduleAddress = import.meta.url as string | undefined;

// CommonJS's own name of the running file.
declare const __filename: string;

/**
 * Undefined where there is none. Not by typeof: webpack takes it for a string in ES modules as well. What
 * node --eval runs has the global `[eval]`, which modules see too.
 */
function commonJsFile(): string | undefined {
  try {
    return isAbsolute(__filename) ? __filename : undefined;
  } catch {
    return undefined;
  }
}

function findRunningFile(): string {
  const file = commonJsFile();
  if (file !== undefined) return file;
  if (moduleAddress?.startsWith('file:')) return fileURLToPath(moduleAddress);
  return join(process.cwd(), 'bundle.js');
}

/** The file that runs: this module, the package's CommonJS build, or a bundle that it is part of. */
export const runningFile = findRunningFile();

/**
 * `require` as the running file has it. Not by the name createRequire, which webpack takes for its own and
 * replaces.
 */
export const requireHere = module.createRequire(runningFile);

/** Where it runs from in the package's folder: as a module, and in the CommonJS build. */
const ownPlace = [
  join('dist', 'lib', 'platform', 'package.js'),
  join('dist', 'lib', 'tfjs-alig.cjs'),
].find((place) => runningFile.endsWith(sep + place));

/** Whether the package runs as a part of a bundle, and not from its own folder. */
export const isBundled = ownPlace === undefined;

function findPackageRoot(): string {
  if (ownPlace !== undefined) return runningFile.slice(0, -(sep.length + ownPlace.length));
  try {
    return dirname(requireHere.resolve('tfjs-alig/package.json'));
  } catch {
    return dirname(runningFile);
  }
}

/**
 * The installed package's own folder. Of a bundle it is the one that the bundle would find in its
 * node_modules, else the folder of the bundle.
 */
export const packageRoot = findPackageRoot();
