/** `npm run gpu`, on a GPU that is the CPU. */
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import test from 'ava';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { testsThatNeed } from '../support/needs.js';
import { missingCudaEngine, simulatedGpu, simulatedLibrary } from '../support/simulated-cuda.js';

interface Results {
  readonly simulated: boolean;
  readonly gpu: { readonly name: string };
  readonly cases: { readonly compared: number; readonly differences: unknown[] };
  readonly sanitizer: { tool: string; clean: boolean; output: string }[] | null;
  readonly throughput: {
    readonly copyGigabytesPerSecond: number;
    readonly steps: { projected: boolean; gigabytesPerSecond: number; stepsInARow: number }[];
    readonly leftOut: string[];
  };
}

const script = join('dist', 'gpu', 'main.js');
const library = await simulatedLibrary();
const simulated = 'path' in library ? { TFJS_ALIG_CUDA_LIBRARY: library.path } : {};
const check =
  'missing' in library
    ? testsThatNeed(simulatedGpu, library.missing)
    : testsThatNeed('the CUDA engine', missingCudaEngine());

test('without a GPU it says so', async (t) => {
  const { exitCode, output } = await runNode([script], {
    cwd: packageRoot,
    environment: { TFJS_ALIG_CUDA_LIBRARY: join(temporaryFolder(t), 'nothing.so') },
  });
  t.is(exitCode, 1);
  t.regex(output, /^There is nothing to check here: the CUDA engine could not be loaded: /m);
});

check('a prepared tree is small, needs no package, and runs everything', async (t) => {
  const prepared = join(temporaryFolder(t), 'prepared');
  const made = await runNode([script, '--prepare', prepared], { cwd: packageRoot });
  t.is(made.exitCode, 0, made.output);
  t.regex(made.output, / [\d.]+ MiB\. In it: npm run gpu/);
  const tree = join(temporaryFolder(t), 'tree');
  cpSync(prepared, tree, { recursive: true });

  // Runs what it is given for one tool, and finds an error with another one.
  const programs = temporaryFolder(t);
  const sanitizer = join(programs, 'compute-sanitizer');
  writeFileSync(
    sanitizer,
    '#!/bin/sh\n' +
      'case "$2" in memcheck) shift 4; exec "$@";; racecheck) echo a race; exit 86;; esac\n',
  );
  chmodSync(sanitizer, 0o755);
  const PATH = [programs, process.env.PATH ?? ''].join(delimiter);
  const { exitCode, output } = await runNode([script, '--output', 'results.json'], {
    cwd: tree,
    environment: { ...simulated, PATH },
  });
  t.is(exitCode, 1, output);
  t.regex(output, /A check FAILED/);
  const results = JSON.parse(readFileSync(join(tree, 'results.json'), 'utf8')) as Results;
  t.true(results.simulated);
  t.is(results.gpu.name, 'SIMT on the CPU');
  t.true(results.cases.compared > 35);
  t.deepEqual(results.cases.differences, []);
  t.deepEqual(
    results.sanitizer?.map(({ tool, clean }) => [tool, clean]),
    [
      ['memcheck', true],
      ['racecheck', false],
      ['synccheck', true],
    ],
  );
  t.is(results.sanitizer?.[1]?.output, 'a race');
  t.regex(results.sanitizer?.[0]?.output ?? '', /same bits {2}/);
  t.deepEqual(
    results.throughput.steps.map(({ projected }) => projected),
    [false, true, false, true],
  );
  t.true(results.throughput.steps.every(({ gigabytesPerSecond }) => gigabytesPerSecond > 0));
  t.deepEqual(results.throughput.leftOut, ['1 x 2000000000']);

  const refused = await runNode([script, '--output', join('docs', 'gpu-results.json')], {
    cwd: tree,
    environment: { ...simulated, PATH },
  });
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /gpu-results\.json is for a real GPU/);
  t.false(existsSync(join(tree, 'docs')));
});
