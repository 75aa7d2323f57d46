// What the checks need on a machine, and words for what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc } from '../../install/toolchain.js';

export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
export const checksFolder = join(packageRoot, 'build', 'cuda-checks');

/** A check could not run for want of something; the message says of what and how to get it. */
export class MissingTool extends Error {}

/** A check ran and found something. */
export class CheckFailure extends Error {}

/**
 * Runs a command to its end without showing its output.
 * @param {string} file
 * @param {readonly string[]} parameters
 * @param {{ environment?: NodeJS.ProcessEnv, input?: string, folder?: string }} [options]
 */
export function run(file, parameters, { environment = {}, input = '', folder = packageRoot } = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(file, parameters, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    input,
    maxBuffer: 256 << 20,
  });
  const output = error ? error.message : stdout + stderr;
  return { ok: status === 0, status, signal, output, stdout };
}

/**
 * As {@link run}, for what must succeed.
 * @param {string} file
 * @param {readonly string[]} parameters
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runChecked(file, parameters, options) {
  const result = run(file, parameters, options);
  if (result.ok) return result;
  const end = result.output.trimEnd().split('\n').slice(-40).join('\n');
  throw new CheckFailure(`${[file, ...parameters].join(' ')} failed:\n${end}`);
}

/**
 * The first of some programs that can be run.
 * @param {readonly string[]} names
 * @param {string} remedy
 */
export function findProgram(names, remedy) {
  const found = names.find((name) => run(name, ['--version']).ok);
  if (found === undefined) {
    throw new MissingTool(`${names.join(' or ')} was not found on the PATH: ${remedy}`);
  }
  return found;
}

/** nvcc, and the folder with CUDA's headers. */
export function findCuda() {
  const found = findNvcc();
  if (found.command === null) {
    throw new MissingTool(`${found.missing}: install the CUDA toolkit (no GPU is needed)`);
  }
  const nvcc = found.command;
  // nvcc may be a script that starts the real one, which knows its own place.
  const told = /^#\$ TOP=(.*)$/m.exec(run(nvcc, ['--dryrun', '-x', 'cu', '/dev/null']).output);
  const include = join(told?.[1] ?? dirname(dirname(realpathSync(nvcc))), 'include');
  if (!existsSync(join(include, 'cuda_runtime.h'))) {
    throw new MissingTool(`CUDA's headers were not found in ${include}: install the whole toolkit`);
  }
  return { nvcc, include: realpathSync(include) };
}

/**
 * Whether a compiler makes a program of a text.
 * @param {string} compiler
 * @param {readonly string[]} flags
 * @param {string} [source]
 */
function compiles(compiler, flags, source = 'int main() { return 0; }') {
  return run(compiler, ['-x', 'c++', '-', '-o', '/dev/null', ...flags], { input: source }).ok;
}

/** The compilers of the checks, each with the sanitizers that it is used with. */
export function findCompilers() {
  const clang = findProgram(
    ['clang++-19', 'clang++'],
    'apt-get install clang-19 libclang-rt-19-dev (Debian)',
  );
  const gcc = findProgram(['g++'], 'apt-get install g++ (Debian)');
  if (!compiles(clang, ['-fsanitize=thread'])) {
    throw new MissingTool(
      `${clang} has no thread sanitizer: apt-get install libclang-rt-19-dev (Debian)`,
    );
  }
  if (!compiles(gcc, ['-fsanitize=address,undefined'])) {
    throw new MissingTool(
      'g++ has no address sanitizer: apt-get install libasan8 libubsan1 (Debian)',
    );
  }
  const boost = '#include <boost/context/detail/fcontext.hpp>\nint main() {}';
  if (!compiles(gcc, ['-lboost_context'], boost)) {
    throw new MissingTool(
      'Boost.Context was not found: apt-get install libboost-context-dev (Debian)',
    );
  }
  if (!compiles(gcc, [], '#include <nlohmann/json.hpp>\nint main() {}')) {
    throw new MissingTool(
      'nlohmann/json was not found: apt-get install nlohmann-json3-dev (Debian)',
    );
  }
  return { clang, gcc };
}
