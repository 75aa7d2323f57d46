/** Machines without nvcc, without the engine's library, without a driver: reasons, never a crash. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { DoctorReport } from '../../cli/examine.js';
import { packageRoot, packageWithAddonSource, temporaryFolder } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { testsThatNeed } from '../support/needs.js';
import {
  cudaEngine,
  missingCudaEngine,
  simulatedGpu,
  simulatedLibrary,
} from '../support/simulated-cuda.js';

const simulated = await simulatedLibrary();

const addonSource = '#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n';

/** A folder with what a build is started with, but no nvcc. */
function programsWithoutNvcc(t: ExecutionContext): string {
  const folder = temporaryFolder(t);
  for (const name of ['g++', 'make', 'python3', 'cmake']) {
    const path = join(folder, name);
    // What they start themselves is on the usual PATH.
    const script = `#!/bin/sh\nPATH='${process.env.PATH ?? ''}' exec /usr/bin/env ${name} "$@"\n`;
    writeFileSync(path, script);
    chmodSync(path, 0o755);
  }
  return folder;
}

/** Where one of them is set, nvcc is looked for nowhere else: not in /usr/local/cuda either. */
const noToolkit = { CUDA_HOME: '/nowhere', CUDA_PATH: '' };

/** A CUDA_HOME whose nvcc answers `--version` and compiles nothing. */
function emptyToolkit(t: ExecutionContext): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'bin'));
  const nvcc = join(folder, 'bin', 'nvcc');
  writeFileSync(
    nvcc,
    '#!/bin/sh\necho "Cuda compilation tools, release 13.0, V13.0.88"\n[ "$1" = --version ]\n',
  );
  chmodSync(nvcc, 0o755);
  return folder;
}

function build(folder: string, environment: NodeJS.ProcessEnv, ...flags: string[]) {
  return runNode([join('install', 'build.js'), ...flags], {
    cwd: folder,
    environment: { ...noToolkit, ...environment },
  });
}

async function examine(environment: NodeJS.ProcessEnv): Promise<DoctorReport> {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const { output } = await runNode([main, 'doctor', '--json'], { cwd: packageRoot, environment });
  return JSON.parse(output) as DoctorReport;
}

test('without nvcc the install is as before', async (t) => {
  const folder = packageWithAddonSource(t, addonSource);
  const { exitCode, output } = await build(folder, { PATH: programsWithoutNvcc(t), CXX: '' });
  t.is(exitCode, 0);
  t.regex(output, /^tfjs-alig: compiling the native add-on.*\ntfjs-alig: native add-on built\.\n$/);
  t.false(existsSync(join(folder, 'build', 'cuda')));
});

test('without nvcc the command says what it left out', async (t) => {
  const folder = packageWithAddonSource(t, addonSource);
  const path = programsWithoutNvcc(t);
  const { exitCode, output } = await build(folder, { PATH: path, CXX: '' }, '--strict');
  t.is(exitCode, 0);
  t.regex(output, /native add-on built\. CUDA engine left out: nvcc was not found/);
});

test('with nvcc and no cmake the install succeeds and names what is missing', async (t) => {
  const folder = packageWithAddonSource(t, addonSource);
  const path = programsWithoutNvcc(t);
  rmSync(join(path, 'cmake'));
  const environment = { PATH: path, CXX: '', CUDA_HOME: emptyToolkit(t) };
  const { exitCode, output } = await build(folder, environment);
  t.is(exitCode, 0);
  t.regex(
    output.trimEnd().split('\n').at(-1)!,
    /native add-on built\. CUDA engine not built, .*: cmake was not found/,
  );
  t.regex(readFileSync(join(folder, 'build', 'install.log'), 'utf8'), /cmake was not found/);
  t.is((await build(folder, environment, '--strict')).exitCode, 1);
});

test('a build of the CUDA engine that fails does not fail the install', async (t) => {
  const folder = packageWithAddonSource(t, addonSource);
  writeFileSync(
    join(folder, 'CMakeLists.txt'),
    'cmake_minimum_required(VERSION 3.22)\nproject(none NONE)\nmessage(FATAL_ERROR "this fails")\n',
  );
  const environment = { CUDA_HOME: emptyToolkit(t) };
  const { exitCode, output } = await build(folder, environment);
  t.is(exitCode, 0);
  t.regex(
    output.trimEnd().split('\n').at(-1)!,
    /native add-on built\. CUDA engine not built, .*: (this fails|cmake was not)/,
  );
  const strict = await build(folder, environment, '--strict');
  t.is(strict.exitCode, 1);
  t.regex(strict.output, /The CUDA engine was not built: /);
  const skipped = await build(folder, { ...environment, TFJS_ALIG_SKIP_CUDA: '1' }, '--strict');
  t.is(skipped.exitCode, 0);
  t.regex(skipped.output, /CUDA engine left out: TFJS_ALIG_SKIP_CUDA=1/);
});

test('a library that is not there is missing, and the doctor is content', async (t) => {
  const { cuda, engines, healthy } = await examine({
    TFJS_ALIG_CUDA_LIBRARY: join(temporaryFolder(t), 'nothing.so'),
  });
  t.true(healthy);
  t.like(cuda.library, { status: 'missing' });
  t.is(cuda.gpus, null);
  t.is(engines.deviceBuffers, null);
});

test('a file that is no library is broken', async (t) => {
  const library = join(temporaryFolder(t), 'library.so');
  writeFileSync(library, 'not a library');
  const { cuda, healthy } = await examine({ TFJS_ALIG_CUDA_LIBRARY: library });
  t.false(healthy);
  t.like(cuda.library, { status: 'broken' });
});

test('a library of something else, or of another version, is broken', async (t) => {
  for (const [source, problem] of [
    ['int other;', /is not the CUDA engine of tfjs-alig/],
    [
      'const char* tfjs_alig_cuda_version(void) { return "0.0.1"; }',
      /built from version 0\.0\.1, and this package is /,
    ],
  ] as const) {
    const folder = temporaryFolder(t);
    const library = join(folder, 'library.so');
    writeFileSync(join(folder, 'library.c'), source);
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'library.c')]);
    const { cuda } = await examine({ TFJS_ALIG_CUDA_LIBRARY: library });
    t.is(cuda.library?.status, 'broken');
    t.regex(cuda.library?.status === 'broken' ? cuda.library.problem : '', problem);
  }
});

const missing = 'missing' in simulated ? simulated.missing : undefined;
testsThatNeed(simulatedGpu, missing)('with a GPU the doctor names it', async (t) => {
  const { path } = simulated as { path: string };
  const { cuda, engines, healthy } = await examine({ TFJS_ALIG_CUDA_LIBRARY: path });
  t.true(healthy);
  t.like(cuda.library, { status: 'works', path });
  t.like(cuda.gpus, { status: 'works', found: [{ name: 'SIMT on the CPU' }] });
  t.is(engines.deviceBuffers, 'native-cuda');
  t.is(engines.tensorFlow, 'tensorflow-cpu');
});

const withoutDriver = existsSync('/dev/nvidiactl')
  ? testsThatNeed('a machine without an NVIDIA driver', 'this one has /dev/nvidiactl')
  : testsThatNeed('the CUDA engine', missingCudaEngine());
withoutDriver('without a driver the library that nvcc built loads, and says so', async (t) => {
  const { cuda, healthy } = await examine({ TFJS_ALIG_CUDA_LIBRARY: '' });
  t.true(healthy);
  t.like(cuda.library, { status: 'works', path: cudaEngine });
  t.like(cuda.gpus, { status: 'missing', problem: 'no NVIDIA driver was found' });
});
