/** Machines without nvcc, without the engine's library, without a driver: reasons, never a crash. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { architectureFlags, missingForCMake, nvccCommand } from '#cuda-engine';
import { findNvcc } from '#toolchain';
import type { DoctorReport } from '../../cli/examine.js';
import { builtAddon, prebuiltAddon, prebuiltCudaEngine } from '../../lib/platform/addon-files.js';
import {
  packageRoot,
  packageWithAddonSource,
  packageWithoutAddon,
  temporaryFolder,
} from '../platform/folders.js';
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
    // What is said of the MPI engine has tests of its own.
    environment: { ...noToolkit, TFJS_ALIG_SKIP_MPI: '1', ...environment },
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

/** A package whose CUDA engine is one that CMake and nvcc fail to make. */
function packageWithCuda(t: ExecutionContext): string {
  const folder = packageWithAddonSource(t, addonSource);
  cpSync(join(packageRoot, 'native', 'cuda'), join(folder, 'native', 'cuda'), { recursive: true });
  const lines = [
    'cmake_minimum_required(VERSION 3.22)',
    'project(none NONE)',
    'message(FATAL_ERROR "this fails, for ${CMAKE_CUDA_ARCHITECTURES}")',
  ];
  writeFileSync(join(folder, 'CMakeLists.txt'), lines.join('\n'));
  return folder;
}

test('with nvcc and no cmake one call of nvcc is tried, and a failure does not fail the install', async (t) => {
  const folder = packageWithCuda(t);
  const path = programsWithoutNvcc(t);
  rmSync(join(path, 'cmake'));
  const environment = { PATH: path, CXX: '', CUDA_HOME: emptyToolkit(t) };
  const { exitCode, output } = await build(folder, environment);
  t.is(exitCode, 0, output);
  t.regex(output.trimEnd().split('\n').at(-1)!, /native add-on built\. CUDA engine not built, /);
  t.is((await build(folder, environment, '--strict')).exitCode, 1);
  const refused = await build(folder, environment, '--strict', '--CDCMAKE_CUDA_ARCHITECTURES=90');
  t.is(refused.exitCode, 1);
  t.regex(
    refused.output,
    /--CDCMAKE_CUDA_ARCHITECTURES=90 is for cmake-js, and cmake was not found/,
  );
});

const missingCMakeJs = missingForCMake();
const withCMake = testsThatNeed('CMake', missingCMakeJs);

withCMake('a build of the CUDA engine that fails does not fail the install', async (t) => {
  const folder = packageWithCuda(t);
  const environment = { CUDA_HOME: emptyToolkit(t) };
  const { exitCode, output } = await build(folder, environment);
  t.is(exitCode, 0);
  t.regex(
    output.trimEnd().split('\n').at(-1)!,
    /native add-on built\. CUDA engine not built, .*: this fails/,
  );
  const strict = await build(folder, environment, '--strict');
  t.is(strict.exitCode, 1);
  t.regex(strict.output, /The CUDA engine was not built: /);
  const skipped = await build(folder, { ...environment, TFJS_ALIG_SKIP_CUDA: '1' }, '--strict');
  t.is(skipped.exitCode, 0);
  t.regex(skipped.output, /CUDA engine left out: TFJS_ALIG_SKIP_CUDA=1/);
});

withCMake("the command hands cmake-js' options on, and so does npm's configuration", async (t) => {
  const folder = packageWithCuda(t);
  const environment = { CUDA_HOME: emptyToolkit(t) };
  const main = join(folder, 'dist', 'cli', 'main.js');
  const { exitCode, output } = await runNode(
    [main, 'build', '--CDCMAKE_CUDA_ARCHITECTURES=90-real', '--generator', 'Unix Makefiles'],
    { cwd: folder, environment: { ...noToolkit, ...environment } },
  );
  t.is(exitCode, 1);
  t.regex(output, /this fails, for 90-real/);
  t.regex(output, /Using Unix Makefiles generator, as specified/);
  const home = temporaryFolder(t);
  writeFileSync(join(home, '.npmrc'), 'cmake_CMAKE_CUDA_ARCHITECTURES=89-real\n');
  const configured = await build(folder, { ...environment, HOME: home }, '--strict');
  t.regex(configured.output, /this fails, for 89-real/);
});

/** What a library exports, by name. */
function exportsOf(library: string): string[] {
  const symbols = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' });
  return [...symbols.matchAll(/ T (\S+)$/gm)].map(([, name]) => name!).sort();
}

const nvcc = findNvcc();
const withNvcc = testsThatNeed('nvcc', nvcc.command === null ? nvcc.missing : undefined);

withNvcc('one call of nvcc makes a library with the interface of cuda/library.h', (t) => {
  // One architecture, without the rules: those of the whole library take minutes.
  const folder = temporaryFolder(t);
  const target = join(folder, 'library.so');
  const found = nvcc as { command: string; version: string };
  const command = nvccCommand({ nvcc: found, target });
  const architectures = command.arguments.filter((each) => each.startsWith('--generate-code='));
  t.deepEqual(architectures, architectureFlags(found.version));
  for (const flag of ['-fmad=false', '-Xcompiler=-ffp-contract=off', '--cudart=static']) {
    t.true(command.arguments.includes(flag), flag);
  }
  const stub = join(folder, 'rules.cu');
  writeFileSync(
    stub,
    '#include "cuda/rule_kernels.h"\n' +
      'namespace tfjs_alig { const RuleKernels* ruleKernels() { return nullptr; } }\n',
  );
  const few = command.arguments.flatMap((each) => {
    if (each === architectures[0]) return [each];
    return architectures.includes(each) ? [] : [each.endsWith('rules.cu') ? stub : each];
  });
  execFileSync(command.file, few, { cwd: packageRoot, stdio: 'pipe' });
  const header = readFileSync(join(packageRoot, 'native', 'cuda', 'library.h'), 'utf8');
  const declared = [...header.matchAll(/\b(tfjs_alig_cuda_\w+)\(/g)].map(([, name]) => name!);
  t.deepEqual(exportsOf(target), declared.sort());
});

test('the architectures are those that this nvcc knows, with PTX for the others', (t) => {
  t.deepEqual(
    architectureFlags('11.8').map((flag) => flag.replace('--generate-code=', '')),
    [
      'arch=compute_75,code=sm_75',
      'arch=compute_80,code=sm_80',
      'arch=compute_90,code=[sm_90,compute_90]',
    ],
  );
  t.is(architectureFlags('12.7').length, 3);
  t.deepEqual(
    architectureFlags('12.10')
      .slice(3)
      .map((flag) => flag.replace('--generate-code=', '')),
    ['arch=compute_100,code=sm_100', 'arch=compute_120,code=[sm_120,compute_120]'],
  );
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

const onSimulatedGpu = testsThatNeed(simulatedGpu, missing);

/** A package whose prebuilt add-on is the one that was built here. */
function packageWithPrebuiltAddon(t: ExecutionContext): string {
  const folder = packageWithoutAddon(t);
  mkdirSync(dirname(prebuiltAddon(folder)), { recursive: true });
  copyFileSync(builtAddon(packageRoot), prebuiltAddon(folder));
  return folder;
}

/** Which CUDA engine a package takes, and what is wrong with it. */
async function takenLibrary(folder: string): Promise<{ path: string; problem: string | null }> {
  const module = pathToFileURL(join(folder, 'dist', 'lib', 'platform', 'addon.js'));
  const script =
    `import { addonState } from '${module.href}';` +
    'console.log(JSON.stringify(addonState().addon.getCudaLibrary()));';
  const { output } = await runNode(['--input-type=module', '--eval', script], {
    cwd: folder,
    environment: { TFJS_ALIG_CUDA_LIBRARY: '' },
  });
  return JSON.parse(output) as { path: string; problem: string | null };
}

onSimulatedGpu('the CUDA engine built there goes first, then the prebuilt one', async (t) => {
  const { path } = simulated as { path: string };
  const folder = packageWithPrebuiltAddon(t);
  const built = join(folder, 'build', 'cuda', 'libtfjs_alig_cuda.so');
  const prebuilt = prebuiltCudaEngine(folder);
  const none = await takenLibrary(folder);
  t.is(none.path, built);
  t.regex(none.problem ?? '', /build\/cuda\/libtfjs_alig_cuda\.so: cannot open shared object file/);
  copyFileSync(path, prebuilt);
  t.deepEqual(await takenLibrary(folder), { path: prebuilt, problem: null });
  mkdirSync(dirname(built), { recursive: true });
  copyFileSync(path, built);
  t.deepEqual(await takenLibrary(folder), { path: built, problem: null });
  writeFileSync(built, 'not a library');
  t.deepEqual(await takenLibrary(folder), { path: prebuilt, problem: null });
  writeFileSync(prebuilt, 'nor this');
  const broken = await takenLibrary(folder);
  t.is(broken.path, built);
  t.regex(broken.problem ?? '', /build\/cuda\/.*; .*prebuilds\//);
});

onSimulatedGpu('without nvcc the install tries the prebuilt CUDA engine', async (t) => {
  const { path } = simulated as { path: string };
  const folder = packageWithPrebuiltAddon(t);
  const install = async (environment: NodeJS.ProcessEnv = {}) => {
    const { exitCode, output } = await build(folder, environment);
    t.is(exitCode, 0, output);
    return output.trimEnd().split('\n').at(-1);
  };
  t.is(await install(), 'tfjs-alig: prebuilt native add-on works.');
  copyFileSync(path, prebuiltCudaEngine(folder));
  t.is(await install(), 'tfjs-alig: prebuilt native add-on works. Prebuilt CUDA engine works.');
  t.is(await install({ TFJS_ALIG_SKIP_CUDA: '1' }), 'tfjs-alig: prebuilt native add-on works.');
  // Of another version, or one that ends its process.
  for (const [source, problem] of [
    ['const char* tfjs_alig_cuda_version(void) { return "0.0.1"; }', /built from version 0\.0\.1/],
    [
      '#include <stdlib.h>\n__attribute__((constructor)) void end(void) { abort(); }',
      /its process ended with SIGABRT/,
    ],
  ] as const) {
    const file = join(folder, 'library.c');
    writeFileSync(file, source);
    execFileSync('cc', ['-shared', '-fPIC', '-o', prebuiltCudaEngine(folder), file]);
    const line = (await install()) ?? '';
    t.regex(line, /prebuilt native add-on works\. The prebuilt CUDA engine does not work: /);
    t.regex(line, problem);
    t.regex(line, /To build one: nvcc was not found/);
  }
});

onSimulatedGpu(
  'where the build fails, the install says that the prebuilt engine works',
  async (t) => {
    const { path } = simulated as { path: string };
    const folder = packageWithPrebuiltAddon(t);
    cpSync(join(packageRoot, 'native', 'cuda'), join(folder, 'native', 'cuda'), {
      recursive: true,
    });
    copyFileSync(path, prebuiltCudaEngine(folder));
    const { exitCode, output } = await build(folder, { CUDA_HOME: emptyToolkit(t) });
    t.is(exitCode, 0, output);
    t.regex(output, /CUDA engine not built, the prebuilt one works: /);
  },
);

const withoutDriver = existsSync('/dev/nvidiactl')
  ? testsThatNeed('a machine without an NVIDIA driver', 'this one has /dev/nvidiactl')
  : testsThatNeed('the CUDA engine', missingCudaEngine());
withoutDriver('without a driver the library that nvcc built loads, and says so', async (t) => {
  const { cuda, healthy } = await examine({ TFJS_ALIG_CUDA_LIBRARY: '' });
  t.true(healthy);
  t.like(cuda.library, { status: 'works', path: cudaEngine });
  t.like(cuda.gpus, { status: 'missing', problem: 'no NVIDIA driver was found' });
});
