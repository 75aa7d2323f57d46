import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageWithAddonSource, temporaryFolder } from './folders.js';
import { runNode } from './run.js';

const addonSource = `
#include <node_api.h>
NAPI_MODULE_INIT() { return exports; }
`;

function smallPackage(t: ExecutionContext): string {
  return packageWithAddonSource(t, addonSource);
}

function build(folder: string, environment: NodeJS.ProcessEnv, ...flags: string[]) {
  return runNode([join('install', 'build.js'), ...flags], {
    cwd: folder,
    // These packages have no CUDA engine to build.
    environment: { TFJS_ALIG_SKIP_CUDA: '1', ...environment },
  });
}

function assertOneLine(t: ExecutionContext, output: string): void {
  t.is(output.trimEnd().split('\n').length, 1, output);
}

test('the install script builds the add-on', async (t) => {
  const folder = smallPackage(t);
  const { exitCode, output } = await build(folder, {});
  t.is(exitCode, 0, output);
  assertOneLine(t, output);
  t.true(existsSync(join(folder, 'build', 'Release', 'tfjs_alig.node')));
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
  assertOneLine(t, output);
  t.regex(output, /this is what failed/);
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
  t.true(existsSync(join(folder, 'build', 'Release', 'tfjs_alig.node')));
});

test("Node's headers come from npm_config_nodedir where it is set", async (t) => {
  const { exitCode, output } = await build(smallPackage(t), {
    npm_config_nodedir: '/nowhere/node',
  });
  t.is(exitCode, 0);
  assertOneLine(t, output);
  t.regex(output, /\/nowhere\/node/);
});
