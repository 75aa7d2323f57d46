// Builds the native add-on from binding.gyp, and where nvcc is found the CUDA engine from
// CMakeLists.txt. npm runs it as the package's install script, and then it never fails the install:
// without the add-on the portable engine works, without the CUDA engine the CPU. `npx tfjs-alig
// build` runs it with --strict, and then it exits with 1 and shows the end of the log.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const logName = join('build', 'install.log');
const logPath = join(packageRoot, logName);
const remedy = 'npx tfjs-alig build';

class BuildError extends Error {}

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
async function loggingErrors(build) {
  try {
    // Imported here and not above, so that a broken installation of it gives a line, not a stack.
    return await build(await import('./toolchain.js'));
  } catch (error) {
    const text = error instanceof BuildError ? error.message : String(error.stack ?? error);
    writeFileSync(logPath, `${text}\n`, { flag: 'a' });
    throw error;
  }
}

/** Builds the add-on with node-gyp; throws a BuildError that says what is missing. */
function buildAddon(toolchain) {
  const missing = toolchain.missingCompiler();
  if (missing) {
    throw new BuildError(missing);
  }
  // Without `clean`: make compiles again only what has changed since the last build.
  const { ok, output } = runLogged(toolchain.nodeGypCommand(['configure', 'build', '--jobs=max']));
  if (!ok) {
    throw new BuildError(toolchain.explainBuildFailure(output));
  }
}

/**
 * Builds the CUDA engine with CMake into build/cuda, where the add-on looks for it. Returns why it
 * was left out, or null; throws a BuildError where nvcc is there and the build fails.
 */
function buildCudaEngine(toolchain) {
  if (process.env.TFJS_ALIG_SKIP_CUDA === '1') {
    return 'TFJS_ALIG_SKIP_CUDA=1';
  }
  if (process.platform !== 'linux') {
    return `it is built on Linux alone, and this is ${process.platform}`;
  }
  const nvcc = toolchain.findNvcc();
  if (nvcc.command === null) {
    return nvcc.missing;
  }
  const missing = toolchain.missingCMake();
  if (missing) {
    throw new BuildError(missing);
  }
  const folder = join(packageRoot, 'build', 'cuda');
  const run = (...cmakeArguments) =>
    runLogged({ file: 'cmake', arguments: cmakeArguments, environment: process.env });
  const configure = () =>
    run('-S', packageRoot, '-B', folder, `-DCMAKE_CUDA_COMPILER=${nvcc.command}`);
  let result = configure();
  if (!result.ok && existsSync(join(folder, 'CMakeCache.txt'))) {
    // The cache may be of another place or another nvcc; what else is wrong fails again.
    rmSync(folder, { recursive: true });
    result = configure();
  }
  if (result.ok) {
    // Compiles again only what has changed since the last build.
    result = run('--build', folder, '--target', 'tfjs_alig_cuda', '--parallel');
  }
  if (!result.ok) {
    throw new BuildError(toolchain.explainBuildFailure(result.output));
  }
  return null;
}

function firstLine(error) {
  return String(error instanceof Error ? error.message : error).split('\n')[0];
}

const strict = process.argv.includes('--strict');

/** Says that a part was not built: the end of the log with --strict, else one sentence. */
async function tellFailure(part, consequence, error) {
  if (strict) {
    // No log where the build folder could not even be made.
    if (existsSync(logPath)) {
      const { logEnd } = await import('./toolchain.js');
      console.error(logEnd(readFileSync(logPath, 'utf8')));
    }
    console.error(`\nThe ${part} was not built: ${firstLine(error)}. Log: ${logPath}`);
    process.exitCode = 1;
    return '';
  }
  return (
    `${part} not built, ${consequence}: ${firstLine(error)}. ` +
    `When that is mended, run: ${remedy} (log: ${logName})`
  );
}

/** Builds both parts, and returns what the install says of them, in one line. */
async function build() {
  try {
    mkdirSync(join(packageRoot, 'build'), { recursive: true });
    writeFileSync(logPath, '');
    await loggingErrors(buildAddon);
  } catch (error) {
    return tellFailure('native add-on', 'slower engines will be used', error);
  }
  try {
    const leftOut = await loggingErrors(buildCudaEngine);
    if (leftOut === null) {
      return 'native add-on and CUDA engine built.';
    }
    // Most machines have no GPU: the install says nothing of it, and the doctor does.
    return `native add-on built.${strict ? ` CUDA engine left out: ${leftOut}.` : ''}`;
  } catch (error) {
    const failure = await tellFailure('CUDA engine', 'steps run on the CPU', error);
    return `native add-on built.${failure && ` ${failure}`}`;
  }
}

// The command that the skipped install names has to build, so the variable is not for --strict.
if (process.env.TFJS_ALIG_SKIP_BUILD === '1' && !strict) {
  console.log(
    `tfjs-alig: native add-on not built (TFJS_ALIG_SKIP_BUILD=1). To build it: ${remedy}`,
  );
} else {
  if (strict) {
    console.log(`Building the native parts of tfjs-alig (full log: ${logPath}) ...`);
  }
  const line = await build();
  if (line) {
    console.log(`tfjs-alig: ${line}`);
  }
}
