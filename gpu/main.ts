/** `npm run gpu`: all that needs a GPU to be checked and measured, in one command; docs/gpu.md. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { gpus, type Gpu } from '../lib/index.js';
import { makeFolder } from '../lib/platform/file-error.js';
import { packageRoot } from '../lib/platform/package.js';
import { packageVersion } from '../lib/platform/version.js';
import { writeAtomically } from '../lib/platform/write-atomically.js';
import { compareCases } from './cases.js';
import { prepareTree } from './prepare.js';
import { runSanitizer } from './sanitizer.js';
import { measureThroughput, type Shape } from './throughput.js';

interface Options {
  readonly prepare?: string;
  readonly casesOnly: boolean;
  readonly output?: string;
}

/** What the engine that the tests compile for the CPU calls its GPU (native/test/simt/runtime.cc). */
const simulatedGpu = 'SIMT on the CPU';

/** A race detector is some hundred times slower than the GPU. */
const mostElementsChecked = 200_000;
const standardShapes: Shape[] = [
  { tensors: 160, elements: 160_000 },
  { tensors: 160, elements: 1_000 },
  { tensors: 1, elements: 1_000_000_000 },
];
/** For a simulated GPU, the last one larger than its memory: they try the code, not the speed. */
const simulatedShapes: Shape[] = [
  { tensors: 3, elements: 20_000 },
  { tensors: 4, elements: 1_000 },
  { tensors: 1, elements: 2_000_000_000 },
];
/** 256 MiB: more than any GPU's cache. */
const copiedElements = 2 ** 26;

const say = (line: string) => {
  console.log(line);
};

/** Builds what has changed where this is a tree with sources; a prepared one is as it is. */
function buildFromSources(): void {
  const buildScript = join(packageRoot, 'install', 'build.js');
  // A test names the library that it compiled itself.
  if (!existsSync(buildScript) || process.env.TFJS_ALIG_CUDA_LIBRARY) return;
  const { status } = spawnSync(process.execPath, [buildScript, '--strict'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The native parts could not be built; see above.');
}

function driverVersion(): string | null {
  const { status, stdout } = spawnSync(
    'nvidia-smi',
    ['--query-gpu=driver_version', '--format=csv,noheader'],
    { encoding: 'utf8' },
  );
  return status === 0 ? stdout.trim().split('\n')[0]! : null;
}

/** The first GPU; throws where there is none. */
function requireGpu(): Gpu {
  const found = gpus();
  if (found.problem === null) return found.gpus[0]!;
  throw new Error(`There is nothing to check here: ${found.problem}.`);
}

/** Where the results go; what a simulated GPU measures never goes where a real one's do. */
function resultsFile(simulated: boolean, output: string | undefined): string | undefined {
  const standard = join(packageRoot, 'docs', 'gpu-results.json');
  const file = output === undefined ? standard : resolve(packageRoot, output);
  if (!simulated || file !== standard) return file;
  if (output === undefined) return undefined;
  throw new Error(`${output} is for a real GPU; name another file with --output.`);
}

/** Runs everything; returns whether all of it went well. */
function run(output: string | undefined): boolean {
  buildFromSources();
  const gpu = requireGpu();
  const simulated = gpu.name === simulatedGpu;
  const file = resultsFile(simulated, output);
  // Before minutes of checks that would be lost.
  if (file !== undefined) makeFolder(dirname(file));
  say(`GPU: ${gpu.name}, compute capability ${gpu.computeCapability}`);
  const cases = compareCases(simulated ? mostElementsChecked : Infinity, say);
  const sanitizer = runSanitizer(script, ['--cases-only'], say);
  const throughput = measureThroughput(
    simulated ? simulatedShapes : standardShapes,
    simulated ? 2 ** 16 : copiedElements,
    gpu,
    say,
  );
  const results = {
    simulated,
    date: new Date().toISOString(),
    packageVersion,
    node: process.version,
    gpu,
    driver: driverVersion(),
    cases,
    sanitizer,
    throughput,
  };
  if (file !== undefined) {
    writeAtomically(file, `${JSON.stringify(results, null, 2)}\n`);
    say(`Results: ${file}`);
  }
  return cases.differences.length === 0 && (sanitizer ?? []).every(({ clean }) => clean);
}

const script = fileURLToPath(import.meta.url);
const { prepare, casesOnly, output } = new Command('npm run gpu --')
  .description('Checks and measures the CUDA engine on the GPU of this machine; docs/gpu.md.')
  .option(
    '--prepare <folder>',
    'make a folder that runs this offline, with Node and a driver alone',
  )
  .option('--cases-only', 'compare small cases with the CPU and nothing else', false)
  .option('--output <file>', 'where the results go (default: docs/gpu-results.json)')
  .parse()
  .opts<Options>();
try {
  if (prepare !== undefined) {
    const bytes = await prepareTree(resolve(prepare));
    say(`${resolve(prepare)}: ${(bytes / 2 ** 20).toFixed(1)} MiB. In it: npm run gpu`);
  } else if (casesOnly) {
    requireGpu();
    process.exitCode = compareCases(mostElementsChecked, say).differences.length === 0 ? 0 : 1;
  } else {
    const passed = run(output);
    say(passed ? 'All checks passed.' : 'A check FAILED; see above.');
    process.exitCode = passed ? 0 : 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
