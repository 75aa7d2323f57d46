/** Steps over MPI on one machine, beside MPI's own allreduce of as many numbers and PyTorch. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMpiCompiler } from '#mpi-engine';
import { packageRoot } from '../../lib/platform/package.js';
import { describeMachine, type Machine } from '../machine.js';
import { ddpScript, installPeers } from '../peers/environment.js';
import { summarise, type Summary } from '../statistics.js';
import { sharedMemory, withLink, type Launch } from './link.js';

export interface MpiResult {
  readonly ranks: number;
  readonly elements: number;
  /** The rate of the link between the ranks; null: they share memory. */
  readonly link: string | null;
  /** What a rank sends in a step, by its formula: its shards and its records. */
  readonly bytesSent: number;
  /** Of one step over a Float32Array, in milliseconds. */
  readonly step: Summary;
  /** With `reduction: 'fast'`. */
  readonly fast: Summary;
  /** Of the same step of every rank by itself, at the same time. */
  readonly alone: Summary;
  /** Of AliG through tfjs-node. */
  readonly tensorFlow: Summary;
  /** Of the same with `shardState`. */
  readonly shards: Summary;
  /** Of MPI_Allreduce of as many float32. */
  readonly allreduce: Summary;
  /** Of PyTorch's DistributedDataParallel with gloo and its fused SGD; null: not measured. */
  readonly ddp: { readonly shared: Summary; readonly alone: Summary } | null;
}

export interface MpiResults {
  readonly machine: Machine;
  readonly results: readonly MpiResult[];
}

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Milliseconds of each round, by what was timed. */
type Times = Readonly<Record<string, readonly number[]>>;

/** Runs a program on ranks; returns what rank 0 prints last. */
function mpirun(
  { file, flags, address, device }: Launch,
  ranks: number,
  command: readonly string[],
): string {
  const variables = {
    // Of torch.distributed.
    MASTER_ADDR: address,
    MASTER_PORT: String(20_000 + (process.pid % 10_000)),
    GLOO_SOCKET_IFNAME: device,
  };
  const exported = Object.entries(variables).flatMap(([name, value]) => ['-x', `${name}=${value}`]);
  const parameters = [...flags, '-n', String(ranks), ...exported, ...command];
  // What it writes to its standard error comes with the error where it fails.
  return execFileSync(file, parameters, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** Programs of a case, which take turns. */
type Programs = Readonly<Record<string, (launch: Launch, ranks: number) => Times>>;

/** How often the programs take turns: what disturbs the machine for a while disturbs all of them. */
const turns = 3;

function measure(programs: Programs, launch: Launch, ranks: number): Record<string, Summary> {
  const all: Record<string, number[]> = {};
  for (let turn = 0; turn < turns; turn++) {
    for (const [program, run] of Object.entries(programs)) {
      for (const [part, times] of Object.entries(run(launch, ranks))) {
        (all[`${program} ${part}`] ??= []).push(...times);
      }
    }
  }
  return Object.fromEntries(Object.entries(all).map(([name, times]) => [name, summarise(times)]));
}

/**
 * Measures on 1, 2 and 4 ranks, and on 2 ranks with a link between them for each rate of `links`. Throws
 * where MPI is missing.
 */
export function runMpi(options: {
  readonly quick: boolean;
  readonly peers: boolean;
  /** Rates as tc takes them. Default: none. */
  readonly links?: readonly string[];
}): MpiResults {
  const { quick, peers, links = [] } = options;
  const compiler = findMpiCompiler();
  if (compiler.command === null) throw new Error(`MPI can't be measured: ${compiler.missing}.`);
  const python = peers ? installPeers() : null;
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-mpi-'));
  try {
    const allreduce = join(folder, 'allreduce');
    const source = join(packageRoot, 'benchmarks', 'mpi', 'allreduce.cc');
    execFileSync(compiler.command, ['-O2', '-o', allreduce, source]);
    const machine = describeMachine();
    const versions: Record<string, string> = { ...machine.versions };
    const rounds = quick ? 2 : 11;
    const programsOf = (elements: number): Programs => {
      const parameters = [String(elements), String(rounds)];
      return {
        ours: (launch, ranks) => {
          const command = [process.execPath, worker, ...parameters];
          return JSON.parse(mpirun(launch, ranks, command)) as Times;
        },
        mpi: (launch, ranks) => {
          const lines = mpirun(launch, ranks, [allreduce, ...parameters]).split('\n');
          return { allreduce: lines.map((line) => 1000 * Number(line)) };
        },
        ...(python !== null && {
          ddp: (launch, ranks) => {
            const command = [python, ddpScript, ...parameters, String(machine.threads)];
            const { version, ...times } = JSON.parse(mpirun(launch, ranks, command)) as Times & {
              version: string;
            };
            versions['torch'] = version;
            return times;
          },
        }),
      };
    };
    const results: MpiResult[] = [];
    const add = (launch: Launch, ranks: number, elements: number, link: string | null) => {
      console.error(`${elements} parameters, ${ranks} ranks, ${link ?? 'shared memory'}`);
      const times = measure(programsOf(elements), launch, ranks);
      results.push({
        ...{ ranks, elements, link },
        bytesSent: (2 * (ranks - 1) * 4 * elements) / ranks + 512 * (ranks - 1),
        step: times['ours step']!,
        fast: times['ours fast']!,
        alone: times['ours alone']!,
        tensorFlow: times['ours tensorFlow']!,
        shards: times['ours shards']!,
        allreduce: times['mpi allreduce']!,
        ddp: python === null ? null : { shared: times['ddp shared']!, alone: times['ddp alone']! },
      });
    };
    const sizes = quick ? [1000] : [10_000, 1_000_000, 25_600_000];
    for (const elements of sizes) {
      for (const ranks of quick ? [1, 2] : [1, 2, 4]) add(sharedMemory, ranks, elements, null);
    }
    for (const rate of links) {
      withLink(rate, folder, (launch) => {
        for (const elements of sizes) add(launch, 2, elements, rate);
      });
    }
    return { machine: { ...machine, versions }, results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
