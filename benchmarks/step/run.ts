import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setThreadCount } from '../../lib/index.js';
import { describeMachine, requireAddon, type Machine } from '../machine.js';
import { installPeers } from '../peers/environment.js';
import { quickRounds, standardRounds, type Rounds } from '../worker/rounds.js';
import { caseName, casesOf, quickCases, standardCases } from './cases.js';
import { measureCase, type CaseResult } from './measure.js';
import type { Shape } from './shapes.js';

export interface StepResults {
  readonly machine: Machine;
  readonly rounds: Rounds;
  readonly cases: readonly CaseResult[];
}

export interface StepRunOptions {
  readonly quick: boolean;
  readonly peers: boolean;
  /** Default: the package's own choice, one a physical core. */
  readonly threads?: number;
  readonly repetitions?: number;
  /** Default: all standard cases. */
  readonly shapes?: readonly Shape[];
}

/** Measures one step of every contender in all cases. */
export async function runSteps(options: StepRunOptions): Promise<StepResults> {
  const { quick, peers, shapes, repetitions } = options;
  const python = peers ? installPeers() : null;
  const addon = requireAddon();
  const threads = options.threads ?? addon.getThreadCount();
  const standard = quick ? quickRounds : standardRounds;
  const rounds = { ...standard, count: repetitions ?? standard.count };
  const cases = shapes
    ? casesOf(shapes, threads)
    : quick
      ? quickCases(threads)
      : standardCases(threads);
  // The process that computes what the others have to agree with.
  setThreadCount(threads);
  const threadsOf = (elements: number, most: number) => {
    setThreadCount(most);
    const taken = addon.threadsOf(elements);
    setThreadCount(threads);
    return taken;
  };

  const machine = describeMachine();
  const versions: Record<string, string> = { ...machine.versions };
  const results: CaseResult[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-bench-'));
  try {
    for (const [i, tested] of cases.entries()) {
      console.error(`${i + 1} of ${cases.length}: ${caseName(tested)}`);
      const measured = await measureCase(tested, { rounds, python, folder, threadsOf });
      Object.assign(versions, measured.versions);
      results.push(measured.result);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { machine: { ...machine, versions }, rounds, cases: results };
}
