// The checks of the CUDA engine that need no GPU:
//
//   node native/test/check.js [simt] [sanitizers] [injected] [static [--record]] [--tools]
//
// All of them where none is named; --record writes the limits of `static` anew; --tools runs none
// and looks for what they need. Exit code 0: all ran and passed, or have what they need; 1: one
// failed; 77: none failed, but one can't run, and its line says what is missing. docs/gpu.md says
// what they show.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { injectedBugs } from './injected-bugs.js';
import { findStaticTools, staticGate } from './static-gate.js';
import {
  CheckFailure,
  checksFolder,
  findCompilers,
  findCuda,
  findProgram,
  MissingTool,
  packageRoot,
  run,
  runChecked,
} from './tools.js';

const skippedExitCode = 77;
const schedules = ['forward', 'backward', 'random:1', 'random:2'];
const injectedFolder = join(checksFolder, 'injected');

/**
 * How the engine is compiled for the shim. Only g++ sees misaligned copies of float4; only clang
 * keeps shared memory in a section of its own, without which the thread sanitizer reports the
 * blocks' uses of it. That sanitizer tells 255 threads apart, hence 64 a block.
 */
const builds = {
  plain: { compiler: 'clang', sanitizer: '', block: 256 },
  'plain-64': { compiler: 'clang', sanitizer: '', block: 64 },
  address: { compiler: 'gcc', sanitizer: 'address', block: 256 },
  thread: { compiler: 'clang', sanitizer: 'thread', block: 64 },
};

const sanitizerEnvironment = {
  ASAN_OPTIONS: 'detect_leaks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};

/**
 * The folders with bugs that a build was last configured for in this run.
 * @type {Map<string, string>}
 */
const configured = new Map();

/** @type {{ cmake: string, clang: string, gcc: string } | undefined} */
let shimTools;

/** What the checks need that run the engine under the shim; looked for once, which takes 2 s. */
function findShimTools() {
  if (shimTools === undefined) {
    const cmake = findProgram(['cmake'], 'apt-get install cmake (Debian)');
    findCuda();
    shimTools = { cmake, ...findCompilers() };
  }
  return shimTools;
}

/**
 * Builds targets and returns the folder where the programs lie.
 * @param {keyof typeof builds} name
 * @param {readonly string[]} targets
 * @param {string} [injected] folders with bugs, separated by semicolons
 */
function build(name, targets, injected = '') {
  const { cmake, ...compilers } = findShimTools();
  const { compiler, sanitizer, block } = builds[name];
  const folder = join(checksFolder, name);
  if (configured.get(name) !== injected) {
    runChecked(cmake, [
      ...['-S', '.', '-B', folder],
      `-DCMAKE_CXX_COMPILER=${compilers[compiler]}`,
      '-DTFJS_ALIG_CUDA=OFF',
      '-DTFJS_ALIG_CUDA_CHECKS=ON',
      `-DTFJS_ALIG_SANITIZER=${sanitizer}`,
      `-DTFJS_ALIG_CUDA_BLOCK=${block}`,
      `-DTFJS_ALIG_INJECTED=${injected}`,
    ]);
    configured.set(name, injected);
  }
  // Without a number make starts everything at once, 300 MB of compiler each.
  const processes = String(availableParallelism());
  runChecked(cmake, ['--build', folder, '--parallel', processes, '--target', ...targets]);
  return join(folder, 'native', 'test');
}

function checkSimt() {
  for (const name of /** @type {const} */ (['plain', 'plain-64'])) {
    const programs = build(name, ['simt_selftest', 'engine_test']);
    runChecked(join(programs, 'simt_selftest'), []);
    for (const schedule of schedules) {
      const environment = { SIMT_SCHEDULE: schedule };
      // Large cases take a second each.
      const options = schedule.startsWith('random') ? [] : ['--large'];
      const { stdout } = runChecked(join(programs, 'engine_test'), options, { environment });
      console.log(`  ${builds[name].block} threads a block, ${schedule}: ${stdout.trim()}`);
    }
  }
  build('plain', ['tfjs_alig_cuda_simt']);
}

function checkSanitizers() {
  for (const name of /** @type {const} */ (['address', 'thread'])) {
    const programs = build(name, ['simt_selftest', 'engine_test']);
    for (const program of ['simt_selftest', 'engine_test']) {
      const environment = sanitizerEnvironment;
      const { stdout } = runChecked(join(programs, program), [], { environment });
      console.log(`  ${name} sanitizer, ${program}: ${stdout.trim()}`);
    }
  }
}

/** Makes the copies of native/cuda, each with its bug. */
function injectBugs() {
  rmSync(injectedFolder, { recursive: true, force: true });
  for (const { name, file, find, replace } of injectedBugs) {
    const folder = join(injectedFolder, name, 'cuda');
    mkdirSync(folder, { recursive: true });
    cpSync(join(packageRoot, 'native', 'cuda'), folder, { recursive: true });
    const pieces = readFileSync(join(folder, file), 'utf8').split(find);
    if (pieces.length !== 2) {
      throw new CheckFailure(
        `${name}: its text occurs ${pieces.length - 1} times in native/cuda/${file}, not once; ` +
          'adapt native/test/injected-bugs.js',
      );
    }
    writeFileSync(join(folder, file), pieces.join(replace));
  }
}

function checkInjected() {
  injectBugs();
  const programOf = (/** @type {{ name: string }} */ { name }) => `engine_test_${name}`;
  for (const bug of injectedBugs) {
    // All of a build together, side by side: one that has been built costs nothing.
    const ofBuild = injectedBugs.filter((other) => other.build === bug.build);
    const folders = ofBuild.map((other) => join(injectedFolder, other.name)).join(';');
    const programs = build(bug.build, ofBuild.map(programOf), folders);
    const result = run(join(programs, programOf(bug)), [], { environment: sanitizerEnvironment });
    const output = `${result.output}${result.signal ?? ''}`;
    if (result.ok || !bug.says.test(output)) {
      throw new CheckFailure(
        `the bug '${bug.name}' was not found by the build '${bug.build}':\n${output.slice(-2000)}`,
      );
    }
    console.log(`  ${bug.name}: found by the build '${bug.build}' (${bug.says.exec(output)?.[0]})`);
  }
}

const record = process.argv.includes('--record');

const checks = {
  simt: { findTools: findShimTools, run: checkSimt },
  sanitizers: { findTools: findShimTools, run: checkSanitizers },
  injected: { findTools: findShimTools, run: checkInjected },
  static: {
    findTools: findStaticTools,
    run: () => {
      staticGate({ record });
    },
  },
};

const toolsOnly = process.argv.includes('--tools');
const named = process.argv.slice(2).filter((name) => !name.startsWith('--'));
for (const name of named) {
  if (!(name in checks)) {
    console.error(`no check '${name}'; there are ${Object.keys(checks).join(', ')}`);
    process.exit(1);
  }
}

let failed = false;
let skipped = false;
mkdirSync(checksFolder, { recursive: true });
for (const [name, check] of Object.entries(checks)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const start = performance.now();
  console.log(`== ${name}`);
  try {
    check.findTools();
    if (toolsOnly) continue;
    check.run();
    console.log(`== ${name}: passed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    if (error instanceof MissingTool) {
      skipped = true;
      console.log(`== ${name}: skipped, ${error.message}`);
    } else {
      failed = true;
      console.log(
        `== ${name}: FAILED\n${error instanceof CheckFailure ? error.message : error.stack}`,
      );
    }
  }
}
process.exitCode = failed ? 1 : skipped ? skippedExitCode : 0;
