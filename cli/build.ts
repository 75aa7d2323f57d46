import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../lib/platform/package.js';

async function run(options: readonly string[]): Promise<void> {
  const script = join(packageRoot, 'install', 'build.js');
  const child = spawn(process.execPath, [script, '--strict', ...options], { stdio: 'inherit' });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  process.exitCode = exitCode ?? 1;
}

/** `tfjs-alig build`: what the install script does, with its failures shown. */
export function buildCommand(): Command {
  return new Command('build')
    .description(
      'build the native add-on and, where nvcc is found, the CUDA engine, where mpicxx is found the MPI ' +
        'engine, as the install script does',
    )
    .argument(
      '[options...]',
      "cmake-js' options for the CUDA engine, as --CDCMAKE_CUDA_ARCHITECTURES=native",
    )
    .allowUnknownOption()
    .action(run);
}
