/** Programs on several processes that mpirun starts. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMpiCompiler, mpiPackages } from '#mpi-engine';
import { packageRoot } from '../platform/folders.js';

// As root in a container, and on fewer cores than processes.
const flags = ['--allow-run-as-root', '--oversubscribe'];

/** Why tests over MPI cannot run here; undefined where they can. */
export function missingMpi(): string | undefined {
  if (process.platform !== 'linux') return 'the MPI engine is built on Linux alone';
  if (spawnSync('mpirun', ['--version']).status !== 0) return `apt install ${mpiPackages}`;
  const compiler = findMpiCompiler();
  if (compiler.command === null) return compiler.missing;
  const isBuilt = existsSync(join(packageRoot, 'build', 'mpi', 'libtfjs_alig_mpi.so'));
  return isBuilt ? undefined : 'npm run compile:addon';
}

/** How a program on several processes has ended. */
export interface EndedRanks {
  readonly exitCode: number | null;
  /** All that mpirun and the ranks have printed. */
  readonly output: string;
  /** What a rank has printed with {@link tell}, line by line, by rank. */
  readonly told: readonly (readonly unknown[])[];
  readonly seconds: number;
}

/** A program on several processes that is running. */
export interface RunningRanks {
  readonly mpirun: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<EndedRanks>;
}

const sign = 'rank-tells:';

/** In a program of test/mpi/programs: what its test gets as `told`. */
export function tell(rank: number, value: unknown): void {
  console.log(`${sign}${rank}:${JSON.stringify(value)}`);
}

/** Starts a program of test/mpi/programs on some processes. */
export function startRanks(
  count: number,
  program: string,
  programArguments: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): RunningRanks {
  const script = fileURLToPath(new URL(`../mpi/programs/${program}.js`, import.meta.url));
  const conditions = '--conditions=tfjs-alig:modules';
  return startMpirun(count, [conditions, script, ...programArguments], environment);
}

/** Starts Node with these arguments on some processes. */
export function startMpirun(
  count: number,
  nodeArguments: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): RunningRanks {
  const start = performance.now();
  const mpirun = spawn(
    'mpirun',
    [...flags, '-n', String(count), process.execPath, ...nodeArguments],
    // A test that hangs ends here, and not with the whole of the tests.
    { env: { ...process.env, TFJS_ALIG_MPI_TIMEOUT: '120', ...environment } },
  );
  let output = '';
  for (const stream of [mpirun.stdout, mpirun.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  const ended = once(mpirun, 'close').then(([exitCode]) => {
    const told: unknown[][] = Array.from({ length: count }, () => []);
    for (const [, rank, text] of output.matchAll(new RegExp(`^${sign}(\\d+):(.*)$`, 'gm'))) {
      told[Number(rank)]!.push(JSON.parse(text!));
    }
    const seconds = (performance.now() - start) / 1000;
    return { exitCode: exitCode as number | null, output, told, seconds };
  });
  return { mpirun, output: () => output, ended };
}

/** Runs a program of test/mpi/programs on some processes to its end. */
export function runRanks(...parameters: Parameters<typeof startRanks>): Promise<EndedRanks> {
  return startRanks(...parameters).ended;
}
