// Builds the native add-on from binding.gyp, and where nvcc is found the CUDA engine, where mpicxx is
// found the MPI engine. npm runs it as the package's install script, and then it never fails the
// install: without the add-on the portable engine works, without the CUDA engine the CPU; where the
// package's prebuilt add-on loads, it compiles none, and where there is a driver and no CUDA engine
// could be built, it tries the prebuilt one. `npx tfjs-alig build` runs it with --strict: then it
// builds from source, exits with 1 where that fails, and shows the end of the log. What else it is
// given is for cmake-js.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCudaEngine } from './cuda-engine.js';
import { buildMpiEngine, findMpiCompiler } from './mpi-engine.js';
import { missingForBuild, nodeGypCommand } from './node-gyp.js';
import { commandLine } from '../lib/platform/package-manager.js';
import { explainBuildFailure, findNvcc, logEnd } from './toolchain.js';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const logName = join('build', 'install.log');
const logPath = join(packageRoot, logName);
const remedy = commandLine('build');

class BuildError extends Error {}

/** Says what is being waited for: npm shows it at once in a clone and with --foreground-scripts. */
function say(line) {
  console.log(`tfjs-alig: ${line}`);
}

/** Begins the log; throws a BuildError where the package's folder cannot be written. */
function openLog() {
  try {
    mkdirSync(join(packageRoot, 'build'), { recursive: true });
    writeFileSync(logPath, '');
  } catch (error) {
    throw new BuildError(
      `${packageRoot} cannot be written (${error.code}): have it made writable, or install the package ` +
        'where you may write',
    );
  }
}

/** Runs a command with its output in the log. Returns whether it succeeded, and its output. */
function runLogged({ file, arguments: commandArguments, environment }) {
  const before = readFileSync(logPath).length;
  const log = openSync(logPath, 'a');
  const { status, error } = spawnSync(file, commandArguments, {
    cwd: packageRoot,
    env: environment,
    stdio: ['ignore', log, log],
    windowsHide: true,
  });
  closeSync(log);
  if (error) {
    throw error;
  }
  return { ok: status === 0, output: readFileSync(logPath).subarray(before).toString('utf8') };
}

/** Runs one part of the build; what it throws is also in the log. */
function loggingErrors(build) {
  try {
    return build();
  } catch (error) {
    const text = error instanceof BuildError ? error.message : String(error.stack ?? error);
    writeFileSync(logPath, `${text}\n`, { flag: 'a' });
    throw error;
  }
}

/** Only a clone has the TypeScript sources; there an add-on is of the sources as they stand. */
const isClone = existsSync(join(packageRoot, 'tsconfig.json'));

/** Whether the package has an add-on for this platform that loads and is of its version. */
async function prebuiltServes() {
  // Imported here and not above: a broken installation of detect-libc gives a line, not a stack.
  const { prebuiltAddon } = await import('../lib/platform/addon-files.js');
  const path = prebuiltAddon(packageRoot);
  if (!existsSync(path)) {
    return false;
  }
  // In a child process, because a file that does not fit can end it.
  const script = 'process.exitCode = require(process.argv[1]).version === process.argv[2] ? 0 : 1';
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const { status } = spawnSync(process.execPath, ['--eval', script, path, version], {
    stdio: 'ignore',
    windowsHide: true,
  });
  return status === 0;
}

/** Builds the add-on with node-gyp; throws a BuildError that says what is missing. */
function buildAddon() {
  const [missing] = missingForBuild();
  if (missing) {
    throw new BuildError(missing);
  }
  // 50 s of processor time with GCC 12.
  say('compiling the native add-on (about a minute) ...');
  // Without `clean`: make compiles again only what has changed since the last build.
  const { ok, output } = runLogged(nodeGypCommand(['configure', 'build', '--jobs=max']));
  if (!ok) {
    throw new BuildError(explainBuildFailure(output));
  }
}

/**
 * Builds the CUDA engine into build/cuda, where the add-on looks for it. Returns why it was left out,
 * or null; throws a BuildError where nvcc is there and the build fails.
 */
function buildCuda(options) {
  if (process.env.TFJS_ALIG_SKIP_CUDA === '1') {
    return 'TFJS_ALIG_SKIP_CUDA=1';
  }
  if (process.platform !== 'linux') {
    return `it is built on Linux alone, and this is ${process.platform}`;
  }
  const nvcc = findNvcc();
  if (nvcc.command === null) {
    return nvcc.missing;
  }
  say(`compiling the CUDA engine with nvcc ${nvcc.version} (some minutes) ...`);
  const folder = join(packageRoot, 'build', 'cuda');
  const result = buildCudaEngine({ nvcc, folder, options, run: runLogged });
  if (!result.ok) {
    throw new BuildError(explainBuildFailure(result.output));
  }
  return null;
}

/**
 * Builds the MPI engine into build/mpi, where the add-on looks for it. Returns why it was left out, or
 * null; throws a BuildError where MPI's compiler is there and the build fails.
 */
function buildMpi() {
  if (process.env.TFJS_ALIG_SKIP_MPI === '1') {
    return 'TFJS_ALIG_SKIP_MPI=1';
  }
  if (process.platform !== 'linux') {
    return `it is built on Linux alone, and this is ${process.platform}`;
  }
  const compiler = findMpiCompiler();
  if (compiler.command === null) {
    return compiler.missing;
  }
  const folder = join(packageRoot, 'build', 'mpi');
  const result = buildMpiEngine({ compiler, folder, run: runLogged });
  if (!result.ok) {
    throw new BuildError(explainBuildFailure(result.output));
  }
  return null;
}

/**
 * Whether the package's prebuilt CUDA engine works on this machine's GPU: tried in a child process, as
 * a library that does not fit can end it. Returns why it does not, null where it does, undefined where
 * there is none or no driver, as on most machines.
 */
async function prebuiltCudaProblem() {
  const { prebuiltCudaEngine, builtAddon, prebuiltAddon } =
    await import('../lib/platform/addon-files.js');
  const library = prebuiltCudaEngine(packageRoot);
  const addon = [builtAddon(packageRoot), prebuiltAddon(packageRoot)].find((path) =>
    existsSync(path),
  );
  if (process.env.TFJS_ALIG_SKIP_CUDA === '1' || !existsSync(library) || addon === undefined) {
    return undefined;
  }
  // Memory of the GPU makes the engine load its kernels, which a driver that is too old refuses.
  const script =
    'const addon = require(process.argv[1]); const { problem } = addon.getCudaLibrary();' +
    'if (problem !== null) throw new Error(problem); addon.cudaDispose(addon.cudaAllocate(1));';
  const { status, signal, stderr } = spawnSync(process.execPath, ['--eval', script, addon], {
    encoding: 'utf8',
    env: { ...process.env, TFJS_ALIG_CUDA_LIBRARY: library },
    windowsHide: true,
  });
  if (status === 0) return null;
  const problem =
    /^Error: (.*)$/m.exec(stderr)?.[1] ?? `its process ended with ${signal ?? status}`;
  return problem.includes('no NVIDIA driver') ? undefined : problem;
}

function firstLine(error) {
  return String(error instanceof Error ? error.message : error).split('\n')[0];
}

const options = process.argv.slice(2).filter((option) => option !== '--strict');
const strict = process.argv.includes('--strict');

/** Says that a part was not built: the end of the log with --strict, else one sentence. */
function tellFailure(part, consequence, error) {
  if (strict) {
    // No log where the build folder could not even be made.
    if (existsSync(logPath)) {
      console.error(logEnd(readFileSync(logPath, 'utf8')));
    }
    console.error(`\nThe ${part} was not built: ${firstLine(error)}. Log: ${logPath}`);
    process.exitCode = 1;
    return '';
  }
  return (
    `${part} not built, ${consequence}: ${firstLine(error)}. ` +
    `When that is fixed, run: ${remedy} (log: ${logName})`
  );
}

/** Sees to the CUDA engine, and returns what the install says of it: '' where it has nothing to say. */
async function seeToCuda() {
  let leftOut;
  try {
    leftOut = loggingErrors(() => buildCuda(options));
    if (leftOut === null) return 'CUDA engine built.';
  } catch (error) {
    const problem = await prebuiltCudaProblem();
    const consequence = problem === null ? 'the prebuilt one works' : 'steps run on the CPU';
    return tellFailure('CUDA engine', consequence, error);
  }
  const problem = await prebuiltCudaProblem();
  if (problem === null) return 'Prebuilt CUDA engine works.';
  if (problem !== undefined) {
    return `The prebuilt CUDA engine does not work: ${problem}. To build one: ${leftOut}.`;
  }
  // Most machines have no GPU: the install says nothing of it, and the doctor does.
  return strict ? `CUDA engine left out: ${leftOut}.` : '';
}

/** The same for the MPI engine, which most machines have no use for either. */
function seeToMpi() {
  try {
    const leftOut = loggingErrors(buildMpi);
    if (leftOut === null) return 'MPI engine built.';
    return strict ? `MPI engine left out: ${leftOut}.` : '';
  } catch (error) {
    return tellFailure('MPI engine', 'tfjs-alig/mpi cannot be used', error);
  }
}

/** Sees to all parts, and returns what the install says of them, in one line. */
async function build() {
  let addon = 'native add-on built.';
  try {
    openLog();
    if (!strict && !isClone && (await prebuiltServes())) {
      addon = 'prebuilt native add-on works.';
    } else {
      loggingErrors(buildAddon);
    }
  } catch (error) {
    return tellFailure('native add-on', 'slower engines will be used', error);
  }
  return [addon, await seeToCuda(), seeToMpi()].filter(Boolean).join(' ');
}

// The command that the skipped install names has to build, so the variable is not for --strict.
if (process.env.TFJS_ALIG_SKIP_BUILD === '1' && !strict) {
  say(`nothing built (TFJS_ALIG_SKIP_BUILD=1). To build the native parts: ${remedy}`);
} else {
  if (strict) {
    console.log(`Building the native parts of tfjs-alig (full log: ${logPath}) ...`);
  }
  const line = await build();
  if (line) {
    say(line);
  }
}
