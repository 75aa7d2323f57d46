import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageManager } from '../../lib/platform/package-manager.js';
import { explainBuildFailure, findCudaProgram } from '#toolchain';
import { packageRoot, temporaryFolder } from './folders.js';
import { runNode } from './run.js';

/** What node-gyp prints where the headers cannot be downloaded. */
const unreachable: Readonly<Record<string, string>> = {
  'node-gyp 10': `
gyp http GET https://nodejs.org/download/release/v20.20.2/node-v20.20.2-headers.tar.gz
gyp WARN install got an error, rolling back install
gyp ERR! configure error
gyp ERR! stack FetchError: request to https://nodejs.org/... failed, reason: getaddrinfo ENOTFOUND nodejs.org`,
  'node-gyp 12': `
gyp http GET https://nodejs.org/download/release/v20.20.2/node-v20.20.2-headers.tar.gz
gyp WARN install got an error, rolling back install
gyp ERR! configure error
gyp ERR! stack Error: This is most likely not a problem with node-gyp or the package itself and
gyp ERR! stack is related to network connectivity. In most cases you are behind a proxy or have bad
gyp ERR! stack network settings.`,
};

for (const [version, log] of Object.entries(unreachable)) {
  test(`headers that cannot be downloaded are named, as ${version} says it`, (t) => {
    t.regex(explainBuildFailure(log), /^Node's headers .* could not be downloaded/);
  });
}

test("a compiler's error is quoted", (t) => {
  const log = 'gyp info ok\n../native/a.cc:3:5: error: no match\nmake: *** [a.o] Error 1\n';
  t.is(explainBuildFailure(log), '../native/a.cc:3:5: error: no match');
});

/** A program that answers `--version` with its own path, in the folder of a toolkit. */
function addToolkit(folder: string, program: string): string {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const path = join(folder, 'bin', program);
  writeFileSync(path, '#!/bin/sh\necho "$0"\n');
  chmodSync(path, 0o755);
  return path;
}

/** Sets CUDA_HOME and CUDA_PATH for one call. */
function withCuda<Result>(home: string, path: string, call: () => Result): Result {
  const { CUDA_HOME, CUDA_PATH } = process.env;
  Object.assign(process.env, { CUDA_HOME: home, CUDA_PATH: path });
  try {
    return call();
  } finally {
    Object.assign(process.env, { CUDA_HOME: CUDA_HOME ?? '', CUDA_PATH: CUDA_PATH ?? '' });
  }
}

test.serial("a program of CUDA's is found off the PATH, in the newest toolkit", (t) => {
  const folder = join(temporaryFolder(t), 'a space');
  // That no PATH has.
  const program = 'nvcc-of-this-test';
  const find = () => withCuda('', '', () => findCudaProgram(program, folder));
  const missing = `${program} was not found, neither on the PATH nor in ${folder}/cuda*/bin`;
  t.deepEqual(find(), { command: null, missing });
  addToolkit(join(folder, 'cuda-9.2'), program);
  addToolkit(join(folder, 'cuda-13.0'), program);
  addToolkit(join(folder, 'cuda-12.9.1'), program);
  mkdirSync(join(folder, 'cuda-14'));
  t.is(find().command, join(folder, 'cuda-13.0', 'bin', program));
  symlinkSync('cuda-9.2', join(folder, 'cuda'));
  t.is(find().command, join(folder, 'cuda', 'bin', program));
});

test.serial('where CUDA_HOME or CUDA_PATH is set, nothing else is looked at', (t) => {
  const folder = temporaryFolder(t);
  const program = 'nvcc-of-this-test';
  addToolkit(join(folder, 'cuda'), program);
  const chosen = addToolkit(join(folder, 'chosen'), program);
  const find = (home: string, path: string) =>
    withCuda(home, path, () => findCudaProgram(program, folder));
  t.is(find(join(folder, 'chosen'), '').command, chosen);
  t.is(find('/nowhere', join(folder, 'chosen')).command, chosen);
  const none = find('/nowhere', '');
  t.is(none.command, null);
  t.regex('missing' in none ? none.missing : '', /CUDA_HOME and CUDA_PATH say \(\/nowhere\/bin\//);
});

/** How the package manager of a folder is asked to build, in a process started by `agent`. */
async function remedy(folder: string, agent: string): Promise<string> {
  const script =
    "import { commandLine, installCommand } from 'tfjs-alig-package-manager';" +
    "console.log(commandLine('build') + ', ' + installCommand('a', { development: true }));";
  const module = new URL(`file://${join(packageRoot, 'lib', 'platform', 'package-manager.js')}`)
    .href;
  const { output } = await runNode(
    ['--input-type=module', '--eval', script.replace('tfjs-alig-package-manager', module)],
    { cwd: folder, environment: { npm_config_user_agent: agent } },
  );
  return output.trim();
}

for (const [lockFile, agent, expected] of [
  [
    'package-lock.json',
    'pnpm/12.0.0 npm/? node/v22',
    'npx tfjs-alig build, npm install --save-dev a',
  ],
  ['pnpm-lock.yaml', 'npm/11.0.0 node/v22', 'pnpm exec tfjs-alig build, pnpm add --save-dev a'],
  ['yarn.lock', 'npm/11.0.0 node/v22', 'yarn tfjs-alig build, yarn add --dev a'],
  ['bun.lock', 'npm/11.0.0 node/v22', 'bunx tfjs-alig build, bun add --dev a'],
  [null, 'yarn/4.0.0 npm/? node/v22', 'yarn tfjs-alig build, yarn add --dev a'],
  [null, '', 'npx tfjs-alig build, npm install --save-dev a'],
] as const) {
  test(`with ${lockFile ?? 'no lock file'} and the agent '${agent}' a remedy is ${expected}`, async (t) => {
    const project = temporaryFolder(t);
    if (lockFile !== null) writeFileSync(join(project, lockFile), '');
    const below = join(project, 'packages', 'app');
    mkdirSync(below, { recursive: true });
    t.is(await remedy(below, agent), expected);
  });
}

test('the nearest lock file counts', (t) => {
  const project = temporaryFolder(t);
  const below = join(project, 'app');
  mkdirSync(below);
  writeFileSync(join(project, 'yarn.lock'), '');
  writeFileSync(join(below, 'pnpm-lock.yaml'), '');
  t.is(packageManager(below), 'pnpm');
});
