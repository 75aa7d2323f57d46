// Builds of the engine for the shim of simt/ by CMake, each in a folder of its own.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checksFolder, findCompilers, findCuda, findProgram, runChecked } from './tools.js';

/**
 * How the engine is compiled for the shim. Only g++ sees misaligned copies of float4; only clang
 * keeps shared memory in a section of its own, without which the thread sanitizer reports the
 * blocks' uses of it. That sanitizer tells 255 threads apart, hence 64 a block.
 */
export const builds = {
  plain: { compiler: 'clang', sanitizer: '', block: 256 },
  'plain-64': { compiler: 'clang', sanitizer: '', block: 64 },
  address: { compiler: 'gcc', sanitizer: 'address', block: 256 },
  thread: { compiler: 'clang', sanitizer: 'thread', block: 64 },
};

export const sanitizerEnvironment = {
  ASAN_OPTIONS: 'detect_leaks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};

/**
 * The settings that a build was last configured with in this run.
 * @type {Map<string, string>}
 */
const configured = new Map();

const stepCases = join(checksFolder, 'step-cases.json');

/** Writes the table of cases that `engine_test` reads, which TypeScript has. */
function writeStepCases() {
  runChecked(process.execPath, ['dist/test/step-cases/write-native-table.js', stepCases]);
}

/** @type {{ cmake: string, clang: string, gcc: string } | undefined} */
let shimTools;

/** What the checks need that run the engine under the shim; looked for once, which takes 2 s. */
export function findShimTools() {
  if (shimTools === undefined) {
    const cmake = findProgram(['cmake'], 'apt-get install cmake (Debian)');
    findCuda();
    shimTools = { cmake, ...findCompilers() };
  }
  return shimTools;
}

/**
 * Builds targets and returns the folder where the programs lie.
 * @param {keyof typeof builds} name
 * @param {readonly string[]} targets
 * @param {{ injected?: readonly string[], ptx?: readonly string[] }} [options] injected: folders
 *   with copies of native/cuda that have a bug; ptx: folders with translated PTX
 */
export function build(name, targets, { injected = [], ptx = [] } = {}) {
  const { cmake, ...compilers } = findShimTools();
  const { compiler, sanitizer, block } = builds[name];
  const folder = join(checksFolder, name);
  const settings = [
    `-DCMAKE_CXX_COMPILER=${compilers[compiler]}`,
    '-DTFJS_ALIG_CUDA=OFF',
    '-DTFJS_ALIG_CUDA_CHECKS=ON',
    `-DTFJS_ALIG_SANITIZER=${sanitizer}`,
    `-DTFJS_ALIG_CUDA_BLOCK=${block}`,
    `-DTFJS_ALIG_STEP_CASES=${stepCases}`,
    `-DTFJS_ALIG_INJECTED=${injected.join(';')}`,
    `-DTFJS_ALIG_PTX=${ptx.join(';')}`,
  ];
  if (configured.size === 0) writeStepCases();
  if (configured.get(name) !== settings.join()) {
    runChecked(cmake, ['-S', '.', '-B', folder, ...settings]);
    configured.set(name, settings.join());
  }
  // Without a number make starts everything at once, 300 MB of compiler each.
  const processes = String(availableParallelism());
  runChecked(cmake, ['--build', folder, '--parallel', processes, '--target', ...targets]);
  return join(folder, 'native', 'test');
}
