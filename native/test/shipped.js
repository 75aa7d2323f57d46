// How the CUDA engine that is shipped is compiled, read from the commands that CMake makes of
// CMakeLists.txt: what the checks compile with nvcc, they compile with the same flags.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CheckFailure, checksFolder, findCuda, findProgram, runChecked } from './tools.js';

const folder = join(checksFolder, 'shipped');

/**
 * @typedef {object} ShippedSource
 * @property {string} path of a .cu file
 * @property {string} nvcc
 * @property {string[]} flags all but the architectures, the file and what is made of it
 * @property {string[]} architectures as 80
 */

/** What nvcc is given and how many words behind it belong to it; the checks put their own. */
const replaced = new Map([
  ['-c', 1],
  ['-o', 1],
]);

/** @returns {ShippedSource} */
function readCommand(/** @type {{ command: string, file: string }} */ { command, file }) {
  // The shell that make gives the command to splits it.
  const { stdout } = runChecked('sh', ['-c', `set -f; printf '%s\\0' ${command}`]);
  const [nvcc, ...words] = stdout.split('\0').slice(0, -1);
  const flags = [];
  const architectures = [];
  for (let i = 0; i < words.length; i++) {
    const architecture = /^--generate-code=arch=compute_(\w+),/.exec(words[i])?.[1];
    if (architecture !== undefined) {
      architectures.push(architecture);
    } else if (replaced.has(words[i])) {
      i += replaced.get(words[i]);
    } else if (!words[i].startsWith('--threads=')) {
      flags.push(words[i]);
    }
  }
  if (architectures.length === 0) {
    throw new CheckFailure(`no architecture was found in CMake's command: ${command}`);
  }
  return { path: file, nvcc, flags, architectures };
}

/** @type {ShippedSource[] | undefined} */
let sources;

/** The .cu files of the library that is shipped. */
export function shippedSources() {
  if (sources === undefined) {
    runChecked(findProgram(['cmake'], 'apt-get install cmake (Debian)'), [
      ...['-S', '.', '-B', folder, '-DCMAKE_EXPORT_COMPILE_COMMANDS=ON'],
      `-DCMAKE_CUDA_COMPILER=${findCuda().nvcc}`,
    ]);
    /** @type {{ command: string, file: string }[]} */
    const commands = JSON.parse(readFileSync(join(folder, 'compile_commands.json'), 'utf8'));
    sources = commands.filter(({ file }) => file.endsWith('.cu')).map(readCommand);
  }
  return sources;
}

/**
 * Compiles a file with its flags and more: `options` come last, and so does what they change.
 * @param {ShippedSource} source
 * @param {readonly string[]} options with what is to be made
 * @param {string} [native] a folder with a copy of native/cuda, in its place
 */
export function compileAsShipped({ path, nvcc, flags }, options, native) {
  const file = native === undefined ? path : join(native, 'cuda', basename(path));
  // Of two folders the first one has the header.
  const include = native === undefined ? [] : ['-I', native];
  // Files that the flags name lie relative to CMake's folder.
  return runChecked(nvcc, [...include, ...flags, ...options, file], { folder });
}
