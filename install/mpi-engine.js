// How the MPI engine is built: one call of MPI's C++ compiler. Plain JavaScript, because npm runs
// install/build.js before anything of lib/ is compiled. Types: mpi-engine.d.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

export const mpiPackages = 'openmpi-bin libopenmpi-dev';

/** MPICXX names another one, of MPICH for example. */
export function findMpiCompiler() {
  const command = process.env.MPICXX?.trim() || 'mpicxx';
  const { status } = spawnSync(command, ['--version'], { stdio: 'ignore' });
  if (status === 0) return { command };
  return {
    command: null,
    missing: process.env.MPICXX
      ? `the compiler that MPICXX names ("${command}") could not be run`
      : `mpicxx was not found on the PATH (on Debian and Ubuntu: apt install ${mpiPackages})`,
  };
}

export function buildMpiEngine({ compiler, folder, run }) {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const sources = readFileSync(join(packageRoot, 'native', 'mpi', 'sources.txt'), 'utf8');
  mkdirSync(folder, { recursive: true });
  const target = join(folder, 'libtfjs_alig_mpi.so');
  const result = run({
    file: compiler.command,
    arguments: [
      ...['-shared', '-O3', '-fPIC', '-std=c++17', '-pthread', '-Wall', '-Wextra'],
      // The numeric contract: no fused multiply-add by the compiler's own choice.
      '-ffp-contract=off',
      // mpicxx names libraries that none of this needs.
      '-Wl,--as-needed',
      `-Wl,--version-script=${join('native', 'mpi', 'exports.map')}`,
      ...['-I', 'native', `-DTFJS_ALIG_VERSION="${version}"`],
      ...['-o', `${target}.new`],
      ...sources.trim().split('\n'),
    ],
    environment: process.env,
  });
  // A process that has loaded the former one keeps it.
  if (result.ok) renameSync(`${target}.new`, target);
  return result;
}
