import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { exclusively } from '../../lib/platform/exclusive.js';
import { packageRoot } from '../../lib/platform/package.js';

/** The CUDA engine compiled for the CPU, or why it could not be. */
export type SimulatedLibrary = { readonly path: string } | { readonly problem: string };

function run(file: string, commandArguments: readonly string[]): string | undefined {
  const { status, error, stdout, stderr } = spawnSync(file, commandArguments, {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  const output = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n');
  return error ? error.message : `${file} ${commandArguments.join(' ')} failed:\n${output}`;
}

/**
 * Compiles the CUDA engine under the SIMT shim of native/test, whose GPU is the CPU: 7 s the first
 * time. It needs cmake, CUDA's headers and Boost.Context. Where `CI` is set it throws if it can't.
 */
export async function simulatedLibrary(): Promise<SimulatedLibrary> {
  const folder = join(packageRoot, 'build', 'simulated');
  const problem = await exclusively(
    folder,
    () =>
      Promise.resolve(
        run('cmake', [
          ...['-S', '.', '-B', folder],
          ...['-DTFJS_ALIG_CUDA=OFF', '-DTFJS_ALIG_CUDA_CHECKS=ON'],
        ]) ?? run('cmake', ['--build', folder, '--target', 'tfjs_alig_cuda_simt']),
      ),
    { onWait: () => undefined },
  );
  if (problem === undefined) {
    return { path: join(folder, 'native', 'test', 'libtfjs_alig_cuda_simt.so') };
  }
  if (process.env.CI) throw new Error(problem);
  return { problem };
}

/**
 * Makes the simulated library the CUDA engine of this process, which must not have used one yet.
 * Returns why there is none, or undefined.
 */
export async function useSimulatedLibrary(): Promise<string | undefined> {
  const library = await simulatedLibrary();
  if ('problem' in library) return library.problem;
  process.env.TFJS_ALIG_CUDA_LIBRARY = library.path;
  return undefined;
}
