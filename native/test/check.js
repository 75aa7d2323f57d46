// The checks of the CUDA engine that need no GPU:
//
//   node native/test/check.js [simt] [sanitizers] [ptx] [fake-gpu] [injected] [static [--record]]
//                             [--tools]
//
// All of them where none is named; --record writes the limits of `static` anew; --tools runs none
// and looks for what they need. Exit code 0: all ran and passed, or have what they need; 1: one
// failed; 77: none failed, but one can't run, and its line says what is missing. docs/gpu.md says
// what they show.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { checkFakeGpu, findFakeGpuTools } from './fake-gpu-check.js';
import { oldDriver } from './injected-bugs.js';
import { checkInjected } from './injected-check.js';
import { checkPtx } from './ptx-check.js';
import { build, builds, findShimTools, sanitizerEnvironment } from './shim-build.js';
import { findStaticTools, staticGate } from './static-gate.js';
import { CheckFailure, checksFolder, MissingTool, runChecked } from './tools.js';

const skippedExitCode = 77;
const schedules = ['forward', 'backward', 'random:1', 'random:2'];

function checkSimt() {
  for (const name of /** @type {const} */ (['plain', 'plain-64'])) {
    const programs = build(name, ['simt_selftest', 'engine_test']);
    runChecked(join(programs, 'simt_selftest'), []);
    for (const schedule of schedules) {
      const environment = {
        SIMT_SCHEDULE: schedule,
        ...(schedule === 'backward' && oldDriver),
      };
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
      const options = program === 'engine_test' ? ['--memory'] : [];
      const { stdout } = runChecked(join(programs, program), options, { environment });
      console.log(`  ${name} sanitizer, ${program}: ${stdout.trim()}`);
    }
  }
}

const record = process.argv.includes('--record');

const checks = {
  simt: { findTools: findShimTools, run: checkSimt },
  sanitizers: { findTools: findShimTools, run: checkSanitizers },
  ptx: { findTools: findShimTools, run: checkPtx },
  'fake-gpu': { findTools: findFakeGpuTools, run: checkFakeGpu },
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
