import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { explainBuildFailure, logEnd, missingCMake } from '#toolchain';
import { exclusively } from '../../lib/platform/exclusive.js';
import { packageRoot } from '../../lib/platform/package.js';

/** The CUDA engine compiled for the CPU, or what is missing to compile it. */
export type SimulatedLibrary = { readonly path: string } | { readonly missing: string };

/** What tests need that run the CUDA engine without a GPU. */
export const simulatedGpu =
  "a GPU that is the CPU (cmake, CUDA's headers, libboost-context-dev, nlohmann-json3-dev)";

/** The CUDA engine that `npm install` builds where it finds nvcc. */
export const cudaEngine = join(packageRoot, 'build', 'cuda', 'libtfjs_alig_cuda.so');

/** Why there is no CUDA engine; undefined: there is one. */
export function missingCudaEngine(): string | undefined {
  return existsSync(cudaEngine)
    ? undefined
    : 'nvcc has built none here; install the CUDA toolkit, then run npx tfjs-alig build';
}

function runCMake(...commandArguments: string[]): { ok: boolean; output: string } {
  const { status, error, stdout, stderr } = spawnSync('cmake', commandArguments, {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  if (error) throw error;
  return { ok: status === 0, output: `${stdout}\n${stderr}` };
}

/** Builds one target of native/test. */
function makeSimulated(target: string, file: string): SimulatedLibrary {
  const folder = join(packageRoot, 'build', 'simulated');
  const missing = missingCMake();
  if (missing !== undefined) return { missing };
  const configured = runCMake(
    ...['-S', '.', '-B', folder],
    ...['-DTFJS_ALIG_CUDA=OFF', '-DTFJS_ALIG_CUDA_CHECKS=ON'],
  );
  if (!configured.ok) return { missing: explainBuildFailure(configured.output) };
  const built = runCMake('--build', folder, '--target', target);
  if (!built.ok) throw new Error(`cmake --build ${folder} failed:\n${logEnd(built.output, 12)}`);
  return { path: join(folder, 'native', 'test', file) };
}

/** One process at a time. */
function exclusivelySimulated(target: string, file: string): Promise<SimulatedLibrary> {
  const lock = join(packageRoot, 'build', 'simulated.lock');
  return exclusively(lock, () => Promise.resolve(makeSimulated(target, file)), {
    onWait: () => undefined,
  });
}

/**
 * Compiles the CUDA engine under the SIMT shim of native/test, whose GPU is the CPU: 7 s the first
 * time. It needs cmake, CUDA's headers and Boost.Context; throws where it has them and fails.
 */
export function simulatedLibrary(): Promise<SimulatedLibrary> {
  return exclusivelySimulated('tfjs_alig_cuda_simt', 'libtfjs_alig_cuda_simt.so');
}

/** Compiles the fake GPU of native/test, which TensorFlow takes for one; otherwise the same. */
export function fakeGpu(): Promise<SimulatedLibrary> {
  return exclusivelySimulated('fake_gpu', 'fake_gpu.node');
}

/**
 * Makes the simulated library the CUDA engine of this process, which must not have used one yet.
 * Returns what is missing for it, or undefined.
 */
export async function useSimulatedLibrary(): Promise<string | undefined> {
  const library = await simulatedLibrary();
  if ('missing' in library) return library.missing;
  process.env.TFJS_ALIG_CUDA_LIBRARY = library.path;
  return undefined;
}
