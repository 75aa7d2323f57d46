import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { prebuiltAddon } from '../../lib/platform/addon-files.js';
import { packageVersion } from '../../lib/platform/version.js';
import {
  packageRoot,
  packageWithAddonSource,
  packageWithoutAddon,
  temporaryFolder,
} from './folders.js';
import { runNode } from './run.js';

/** An add-on that tells its version and nothing else. */
function sourceOf(version: string): string {
  return `
    #include <node_api.h>
    NAPI_MODULE_INIT() {
      napi_value version;
      napi_create_string_utf8(env, "${version}", NAPI_AUTO_LENGTH, &version);
      napi_set_named_property(env, exports, "version", version);
      return exports;
    }
  `;
}

const addonSource = sourceOf(packageVersion);

function smallPackage(t: ExecutionContext): string {
  return packageWithAddonSource(t, addonSource);
}

function build(folder: string, environment: NodeJS.ProcessEnv, ...flags: string[]) {
  return runNode([join('install', 'build.js'), ...flags], {
    cwd: folder,
    // These packages have no CUDA engine to build, and no MPI engine.
    environment: { TFJS_ALIG_SKIP_CUDA: '1', TFJS_ALIG_SKIP_MPI: '1', ...environment },
  });
}

function lines(output: string): string[] {
  return output.trimEnd().split('\n');
}

function assertOneLine(t: ExecutionContext, output: string): void {
  t.is(lines(output).length, 1, output);
}

function builtAddonOf(folder: string): string {
  return join(folder, 'build', 'Release', 'tfjs_alig.node');
}

/** A small package, without a build, whose prebuilt add-on is of this version. */
async function packageWithPrebuilt(t: ExecutionContext, version: string): Promise<string> {
  const source = packageWithAddonSource(t, sourceOf(version));
  const { exitCode, output } = await build(source, {}, '--strict');
  t.is(exitCode, 0, output);
  const folder = smallPackage(t);
  const prebuilt = prebuiltAddon(folder);
  mkdirSync(dirname(prebuilt), { recursive: true });
  copyFileSync(builtAddonOf(source), prebuilt);
  return folder;
}

/** Which add-on a process takes that imports the package in a folder. */
async function loadedPath(folder: string): Promise<string> {
  const module = pathToFileURL(join(folder, 'dist', 'lib', 'platform', 'addon.js'));
  const script = `import { addonState } from '${module.href}'; console.log(addonState().path);`;
  const { output } = await runNode(['--input-type=module', '--eval', script], { cwd: folder });
  return output.trim();
}

test('the install script says what it compiles, and that it has', async (t) => {
  const folder = smallPackage(t);
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0, output);
  const [first = '', second = '', ...others] = lines(output);
  t.regex(first, /^tfjs-alig: compiling the native add-on/);
  t.regex(second, /^tfjs-alig: native add-on built\.$/);
  t.deepEqual(others, []);
  t.true(existsSync(builtAddonOf(folder)));
});

test('where the prebuilt add-on loads, the install compiles nothing and needs no compiler', async (t) => {
  const folder = await packageWithPrebuilt(t, packageVersion);
  const { exitCode, output } = await build(folder, { PATH: '', CXX: '' });
  t.is(exitCode, 0, output);
  assertOneLine(t, output);
  t.regex(output, /prebuilt native add-on works\./);
  t.false(existsSync(builtAddonOf(folder)));
  t.is(await loadedPath(folder), prebuiltAddon(folder));
});

test('the command builds from source all the same, and what it built goes first', async (t) => {
  const folder = await packageWithPrebuilt(t, packageVersion);
  const { exitCode, output } = await build(folder, {}, '--strict');
  t.is(exitCode, 0, output);
  t.is(await loadedPath(folder), builtAddonOf(folder));
});

test('a prebuilt add-on of another version is not used', async (t) => {
  const folder = await packageWithPrebuilt(t, '0.0.0');
  t.is(await loadedPath(folder), 'undefined');
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0, output);
  t.regex(output, /native add-on built\./);
  t.is(await loadedPath(folder), builtAddonOf(folder));
});

test('where a former build is of another version, the prebuilt add-on serves', async (t) => {
  const folder = await packageWithPrebuilt(t, packageVersion);
  const former = packageWithAddonSource(t, sourceOf('0.0.0'));
  await build(former, {}, '--strict');
  mkdirSync(dirname(builtAddonOf(folder)), { recursive: true });
  copyFileSync(builtAddonOf(former), builtAddonOf(folder));
  t.is(await loadedPath(folder), prebuiltAddon(folder));
});

test('a prebuilt add-on that cannot be loaded is not used', async (t) => {
  const folder = smallPackage(t);
  mkdirSync(dirname(prebuiltAddon(folder)), { recursive: true });
  writeFileSync(prebuiltAddon(folder), 'not a library');
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0, output);
  t.is(await loadedPath(folder), builtAddonOf(folder));
});

test('a clone builds from source', async (t) => {
  const folder = await packageWithPrebuilt(t, packageVersion);
  writeFileSync(join(folder, 'tsconfig.json'), '{}');
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0, output);
  t.true(existsSync(builtAddonOf(folder)));
});

test('a package in a folder whose path has a space can be built', async (t) => {
  const folder = join(temporaryFolder(t), 'a space');
  renameSync(smallPackage(t), folder);
  const { exitCode, output } = await build(folder, {}, '--strict');
  t.is(exitCode, 0, output);
  t.is(await loadedPath(folder), builtAddonOf(folder));
});

test('binding.gyp needs no node on the PATH', async (t) => {
  const folder = packageWithoutAddon(t);
  for (const name of ['binding.gyp', 'native']) {
    cpSync(join(packageRoot, name), join(folder, name), { recursive: true });
  }
  const commands = temporaryFolder(t);
  const print = ['-c', 'import sys; print(sys.executable)'];
  const python = execFileSync('python3', print, { encoding: 'utf8' }).trim();
  symlinkSync(python, join(commands, 'python3'));
  const module = pathToFileURL(join(folder, 'install', 'node-gyp.js'));
  const script = `
    import { spawnSync } from 'node:child_process';
    import { nodeGypCommand } from '${module.href}';
    const command = nodeGypCommand(['configure']);
    const options = { env: command.environment, stdio: 'inherit' };
    process.exitCode = spawnSync(command.file, command.arguments, options).status;
  `;
  const { exitCode, output } = await runNode(['--input-type=module', '--eval', script], {
    cwd: folder,
    environment: { PATH: commands },
  });
  t.is(exitCode, 0, output);
  t.regex(readFileSync(join(folder, 'build', 'tfjs_alig.target.mk'), 'utf8'), /addon\.o/);
});

test('without a compiler the install succeeds with one line that names the remedy', async (t) => {
  const folder = smallPackage(t);
  const { exitCode, output } = await build(folder, { PATH: '', CXX: '' });
  t.is(exitCode, 0);
  assertOneLine(t, output);
  t.regex(output, /no C\+\+ compiler was found on the PATH/);
  t.regex(output, /npx tfjs-alig build/);
  t.regex(output, /build\/install\.log/);
  t.regex(readFileSync(join(folder, 'build', 'install.log'), 'utf8'), /no C\+\+ compiler/);
});

test('a compiler that CXX names and that is not there is named', async (t) => {
  const { exitCode, output } = await build(smallPackage(t), { CXX: '/nowhere/g++' });
  t.is(exitCode, 0);
  assertOneLine(t, output);
  t.regex(output, /CXX names \("\/nowhere\/g\+\+"\) could not be run/);
});

test('a compiler error is in the one line and in the log', async (t) => {
  const folder = packageWithAddonSource(t, '#error "this is what failed"\n');
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0);
  t.regex(lines(output).at(-1)!, /this is what failed/);
  t.regex(readFileSync(join(folder, 'build', 'install.log'), 'utf8'), /this is what failed/);
});

test('a missing make is named', async (t) => {
  const compilers = temporaryFolder(t);
  for (const name of ['g++', 'python3']) {
    const path = join(compilers, name);
    const searchPath = process.env.PATH ?? '';
    writeFileSync(path, `#!/bin/sh\nPATH='${searchPath}' exec /usr/bin/env ${name} "$@"\n`);
    chmodSync(path, 0o755);
  }
  const { exitCode, output } = await build(smallPackage(t), { PATH: compilers, CXX: '' });
  t.is(exitCode, 0);
  assertOneLine(t, output);
  t.regex(output, /make was not found/);
});

test('with --strict a failed build exits with 1 and shows the end of the log', async (t) => {
  const { exitCode, output } = await build(smallPackage(t), { PATH: '', CXX: '' }, '--strict');
  t.is(exitCode, 1);
  t.regex(output, /The native add-on was not built: no C\+\+ compiler was found/);
});

test('TFJS_ALIG_SKIP_BUILD=1 skips the install, and not the command that it names', async (t) => {
  const folder = smallPackage(t);
  const environment = { TFJS_ALIG_SKIP_BUILD: '1' };
  const skipped = await build(folder, environment);
  t.is(skipped.exitCode, 0);
  assertOneLine(t, skipped.output);
  t.regex(skipped.output, /npx tfjs-alig build/);
  t.false(existsSync(join(folder, 'build')));

  const built = await build(folder, environment, '--strict');
  t.is(built.exitCode, 0, built.output);
  t.true(existsSync(builtAddonOf(folder)));
});

test("Node's headers come from npm_config_nodedir where it is set", async (t) => {
  const { exitCode, output } = await build(smallPackage(t), {
    npm_config_nodedir: '/nowhere/node',
  });
  t.is(exitCode, 0);
  t.regex(lines(output).at(-1)!, /\/nowhere\/node/);
});
