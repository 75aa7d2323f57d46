import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findCompiler, missingCompiler } from '#toolchain';
import { packageRoot } from '../../lib/platform/package.js';
import { packageVersion } from '../../lib/platform/version.js';

/** Compiles benchmarks/host/empty_library.cc into a folder and returns the library's path. */
export function emptyLibrary(folder: string): string {
  const { command } = findCompiler();
  if (command === null) {
    throw new Error(`The empty CUDA engine can't be built: ${missingCompiler() ?? ''}.`);
  }
  const [file = '', ...given] = command.split(/\s+/);
  const library = join(folder, 'libempty.so');
  const { status, stderr } = spawnSync(
    file,
    [
      ...given,
      ...['-O2', '-std=c++17', '-shared', '-fPIC', `-DTFJS_ALIG_VERSION="${packageVersion}"`],
      ...['-I', join(packageRoot, 'native'), '-o', library],
      join(packageRoot, 'benchmarks', 'host', 'empty_library.cc'),
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`The empty CUDA engine can't be built:\n${stderr}`);
  return library;
}
