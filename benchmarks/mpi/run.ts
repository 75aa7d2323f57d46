/** Steps over MPI on one machine, beside MPI's own allreduce of as many numbers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMpiCompiler } from '#mpi-engine';
import { packageRoot } from '../../lib/platform/package.js';
import { describeMachine, type Machine } from '../machine.js';
import { summarise, type Summary } from '../statistics.js';

export interface MpiResult {
  readonly ranks: number;
  readonly elements: number;
  /** What a rank sends in a step, by its formula: its shards and its records. */
  readonly bytesSent: number;
  /** Of one step, in milliseconds. */
  readonly step: Summary;
  /** Of the same step of every rank by itself, at the same time. */
  readonly alone: Summary;
  /** Of MPI_Allreduce of as many float32. */
  readonly allreduce: Summary;
}

export interface MpiResults {
  readonly machine: Machine;
  readonly results: readonly MpiResult[];
}

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

function mpirun(ranks: number, command: readonly string[]): string {
  const flags = ['--allow-run-as-root', '--oversubscribe', '-n', String(ranks)];
  return execFileSync('mpirun', [...flags, ...command], { encoding: 'utf8' });
}

/** Measures on 1, 2 and 4 ranks. Throws where MPI is missing. */
export function runMpi({ quick }: { quick: boolean }): MpiResults {
  const compiler = findMpiCompiler();
  if (compiler.command === null) throw new Error(`MPI can't be measured: ${compiler.missing}.`);
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-mpi-'));
  try {
    const program = join(folder, 'allreduce');
    const source = join(packageRoot, 'benchmarks', 'mpi', 'allreduce.cc');
    execFileSync(compiler.command, ['-O2', '-o', program, source]);
    const machine = describeMachine();
    const results: MpiResult[] = [];
    for (const elements of quick ? [1000] : [10_000, 1_000_000, 25_600_000]) {
      for (const ranks of quick ? [1, 2] : [1, 2, 4]) {
        const rounds = quick ? 3 : 31;
        const parameters = [String(elements), String(rounds)];
        const times = JSON.parse(
          mpirun(ranks, [process.execPath, worker, ...parameters]),
        ) as Readonly<Record<'shared' | 'alone', number[]>>;
        const seconds = mpirun(ranks, [program, ...parameters])
          .trim()
          .split('\n')
          .map(Number);
        results.push({
          ...{ ranks, elements },
          bytesSent: (2 * (ranks - 1) * 4 * elements) / ranks + 512 * (ranks - 1),
          step: summarise(times.shared),
          alone: summarise(times.alone),
          allreduce: summarise(seconds.map((each) => 1000 * each)),
        });
      }
    }
    return { machine, results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
