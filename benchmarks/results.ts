/** The files that hold what was measured. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import stringify from 'json-stringify-pretty-compact';
import { packageRoot } from '../lib/platform/package.js';
import type { HostResults } from './host/run.js';
import type { MemoryResults } from './memory/run.js';
import type { MpiResults } from './mpi/run.js';
import type { StepResults } from './step/run.js';
import type { TrainingResults } from './training/run.js';

/** By name of the measurement, which is that of its file. */
export interface Results {
  step: StepResults;
  training: TrainingResults;
  memory: MemoryResults;
  host: HostResults;
  mpi: MpiResults;
}
export type ResultName = keyof Results;

/** Where a measurement goes unless another file is named. */
export function standardFile(name: ResultName): string {
  return join(packageRoot, 'benchmarks', 'results', `${name}.json`);
}

/** Five digits tell more than a clock does. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value;
}

/** The text of a file of results: a line a contender, so that a change shows whose times it changes. */
export function resultText(results: Results[ResultName]): string {
  return `${stringify(results, { replacer: rounded, indent: 1, maxLength: 1000 })}\n`;
}

/** What was measured; null: nothing yet. */
export function readResults<Name extends ResultName>(
  name: Name,
  file = standardFile(name),
): Results[Name] | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results[Name]) : null;
}
