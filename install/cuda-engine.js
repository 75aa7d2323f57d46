// How the CUDA engine is built: CMakeLists.txt through cmake-js, or by one call of nvcc where cmake-js
// or CMake is missing. Both make the same library of the same sources, flags and architectures. Plain
// JavaScript, because npm runs install/build.js before anything of lib/ is compiled. Types: cuda-engine.d.ts.
//
// NOTE [cmake-js is no dependency]
// With its tree it is 39 packages and 6.6 MB, of which a machine without nvcc uses none. A clone has it
// among its dev dependencies; a project that wants its options installs it beside this package.
import { availableParallelism } from 'node:os';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installCommand } from '../lib/platform/package-manager.js';
import { compareVersions, missingCMake } from './toolchain.js';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

export const libraryName = 'libtfjs_alig_cuda.so';

/** The words of a list in native/cuda, one line each. */
function linesOf(name) {
  const text = readFileSync(join(packageRoot, 'native', 'cuda', name), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}

export function architectureFlags(nvccVersion) {
  return linesOf('architectures.txt').flatMap((line) => {
    const [name, firstVersion] = line.split(' ');
    if (compareVersions(nvccVersion, firstVersion) < 0) return [];
    const [number, kind] = name.split('-');
    const code = kind === 'real' ? `sm_${number}` : `[sm_${number},compute_${number}]`;
    return [`--generate-code=arch=compute_${number},code=${code}`];
  });
}

export function nvccCommand({ nvcc, target, flags = [] }) {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const { CUDAHOSTCXX: hostCompiler } = process.env;
  return {
    file: nvcc.command,
    arguments: [
      ...['-shared', '-O3', '-DNDEBUG', '-std=c++17', '--cudart=static', '-Xcompiler=-fPIC'],
      ...linesOf('flags.txt'),
      ...architectureFlags(nvcc.version),
      '--threads=0',
      ...(hostCompiler ? [`-ccbin=${hostCompiler}`] : []),
      ...['-I', 'native', `-DTFJS_ALIG_VERSION="${version}"`],
      `-Xlinker=--version-script=${join('native', 'cuda', 'exports.map')}`,
      ...flags,
      ...['-o', target],
      ...linesOf('sources.txt'),
    ],
    environment: process.env,
  };
}

/** cmake-js' script, of this package's clone or of the project; undefined where there is none. */
function findCMakeJs() {
  for (const origin of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const manifest = createRequire(origin).resolve('cmake-js/package.json');
      return join(manifest, '..', 'bin', 'cmake-js');
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

export function missingForCMake() {
  return (
    missingCMake() ??
    (findCMakeJs() === undefined
      ? `cmake-js was not found: ${installCommand('cmake-js', { development: true })}`
      : undefined)
  );
}

/** A call of cmake-js on this package. */
function cmakeJsCommand(folder, cmakeJsArguments) {
  return {
    file: process.execPath,
    arguments: [findCMakeJs(), ...cmakeJsArguments, '--directory', packageRoot, '--out', folder],
    environment: process.env,
  };
}

function buildWithCMake({ nvcc, folder, flags, options, run }) {
  const configuration = [
    'configure',
    `--CDCMAKE_CUDA_COMPILER=${nvcc.command}`,
    // An empty one too: what the cache has of a former build goes.
    `--CDCMAKE_CUDA_FLAGS=${flags.join(' ') || ' '}`,
    ...options,
  ];
  const configure = () => run(cmakeJsCommand(folder, configuration));
  let result = configure();
  if (!result.ok && existsSync(join(folder, 'CMakeCache.txt'))) {
    // The cache may be of another place, another nvcc or another generator; what else is wrong fails again.
    rmSync(folder, { recursive: true });
    result = configure();
  }
  if (!result.ok) return result;
  // Compiles again only what has changed since the last build.
  const parallel = String(availableParallelism());
  const target = ['--target', 'tfjs_alig_cuda'];
  return run(cmakeJsCommand(folder, ['build', ...target, '--parallel', parallel, ...options]));
}

function buildWithNvcc({ nvcc, folder, flags, run }) {
  mkdirSync(folder, { recursive: true });
  const target = join(folder, libraryName);
  const result = run(nvccCommand({ nvcc, target: `${target}.new`, flags }));
  // A process that has loaded the former one keeps it.
  if (result.ok) renameSync(`${target}.new`, target);
  return result;
}

export function buildCudaEngine({ nvcc, folder, flags = [], options = [], run }) {
  const missing = missingForCMake();
  if (missing === undefined) return buildWithCMake({ nvcc, folder, flags, options, run });
  if (options.length > 0) {
    throw new Error(`${options.join(' ')} is for cmake-js, and ${missing}`);
  }
  return buildWithNvcc({ nvcc, folder, flags, run });
}
