import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../lib/platform/package.js';

const sources = join(packageRoot, 'benchmarks', 'peers');
/** A folder of its own, in the place that tools of Node keep their caches in: no tool looks into it. */
const folder = join(packageRoot, 'node_modules', '.cache', 'tfjs-alig-peers');
const interpreter =
  process.platform === 'win32'
    ? join(folder, 'Scripts', 'python.exe')
    : join(folder, 'bin', 'python');

/** The Python program that makes the steps of the peers. */
export const contenderScript = join(sources, 'contender.py');

/** The Python program of one rank of PyTorch's DistributedDataParallel. */
export const ddpScript = join(sources, 'ddp.py');

function run(file: string, parameters: readonly string[]): void {
  const { status, error } = spawnSync(file, parameters, { stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  throw new Error(`${file} ${parameters.join(' ')} failed; see above`, { cause: error });
}

/**
 * Installs PyTorch, TensorFlow and Keras into a virtual environment, once for each version of
 * requirements.txt. Returns its interpreter.
 *
 * @throws Error where Python 3 is missing or pip fails.
 */
export function installPeers(): string {
  const requirements = join(sources, 'requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  const installed = join(folder, 'installed-requirements.txt');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return interpreter;
  console.error(
    `Installing PyTorch, TensorFlow and Keras into ${folder}. On Linux PyPI's PyTorch brings CUDA, ` +
      "some gigabytes; an index or folder of CPU builds in pip's configuration (PIP_FIND_LINKS, " +
      'PIP_EXTRA_INDEX_URL) avoids that.',
  );
  run(process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', '--clear', folder]);
  run(interpreter, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements]);
  writeFileSync(installed, wanted);
  return interpreter;
}
