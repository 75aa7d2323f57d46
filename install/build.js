// Builds the native add-on from binding.gyp. npm runs it as the package's install script, and then
// it never fails the install: without the add-on the portable engine works. `npx tfjs-alig build`
// runs it with --strict, and then it exits with 1 and shows the end of the log.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const logName = join('build', 'install.log');
const logPath = join(packageRoot, logName);
const remedy = 'npx tfjs-alig build';

class BuildError extends Error {}

/** Runs node-gyp with its output in the log; throws a BuildError that says what is missing. */
async function buildAddon() {
  mkdirSync(join(packageRoot, 'build'), { recursive: true });
  writeFileSync(logPath, '');
  let toolchain;
  try {
    // Imported here and not above, so that a broken installation of it gives a line, not a stack.
    toolchain = await import('./toolchain.js');
    const missing = toolchain.missingCompiler();
    if (missing) {
      throw new BuildError(missing);
    }
    // Without `clean`: make compiles again only what has changed since the last build.
    const command = toolchain.nodeGypCommand(['configure', 'build', '--jobs=max']);
    const log = openSync(logPath, 'a');
    const { status, error } = spawnSync(command.file, command.arguments, {
      cwd: packageRoot,
      env: command.environment,
      stdio: ['ignore', log, log],
      windowsHide: true,
    });
    closeSync(log);
    if (error) {
      throw error;
    }
    if (status !== 0) {
      throw new BuildError(toolchain.explainBuildFailure(readFileSync(logPath, 'utf8')));
    }
  } catch (error) {
    const text = error instanceof BuildError ? error.message : String(error.stack ?? error);
    writeFileSync(logPath, `${text}\n`, { flag: 'a' });
    throw error;
  }
}

function firstLine(error) {
  return String(error instanceof Error ? error.message : error).split('\n')[0];
}

const strict = process.argv.includes('--strict');

// The command that the skipped install names has to build, so the variable is not for --strict.
if (process.env.TFJS_ALIG_SKIP_BUILD === '1' && !strict) {
  console.log(
    `tfjs-alig: native add-on not built (TFJS_ALIG_SKIP_BUILD=1). To build it: ${remedy}`,
  );
} else {
  try {
    if (strict) {
      console.log(`Building the native add-on of tfjs-alig (full log: ${logPath}) ...`);
    }
    await buildAddon();
    console.log('tfjs-alig: native add-on built.');
  } catch (error) {
    if (strict) {
      // No log where the build folder could not even be made.
      if (existsSync(logPath)) {
        const { logEnd } = await import('./toolchain.js');
        console.error(logEnd(readFileSync(logPath, 'utf8')));
      }
      console.error(`\nThe native add-on was not built: ${firstLine(error)}. Log: ${logPath}`);
      process.exitCode = 1;
    } else {
      console.log(
        `tfjs-alig: native add-on not built, slower engines will be used: ${firstLine(error)}. ` +
          `When that is mended, run: ${remedy} (log: ${logName})`,
      );
    }
  }
}
