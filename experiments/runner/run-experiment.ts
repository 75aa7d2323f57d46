import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { Communicator } from 'tfjs-alig';

import { exclusively, type Lock } from '../../lib/platform/exclusive.js';
import { FileError, makeFolder } from '../../lib/platform/file-error.js';
import { writeAtomically } from '../../lib/platform/write-atomically.js';
import { prepareTensorFlowEnvironment } from './environment.js';
import { createProgressDisplay, noDisplay } from './progress.js';
import { drawSvg } from './svg.js';
import { standardCheckpointSeconds } from './checkpoint.js';
import { describeCommit } from './commit.js';
import {
  followUpById,
  gridById,
  type Experiment,
  type FinishedRun,
  type Grid,
  type Report,
  type Shard,
  shardOf,
} from './experiment.js';
import { lockOf, runPaths, runsFolder } from './files.js';
import { loadExperiment } from './load-experiment.js';
import { readFinishedRun } from './resumable-log.js';
import { rasterize } from './png.js';
import { runGrid } from './run-grid.js';

/** What the user asks for. */
export interface ExperimentOptions {
  /** URL of the module whose default export is the experiment. */
  readonly module: URL;
  /** Whether its runs are made on TensorFlow. */
  readonly needsTensorFlow: boolean;
  readonly quick: boolean;
  /** Of the experiment's presets in the registry; null: it has none. */
  readonly preset: string | null;
  /** The folder of the data sets, or null where none was given. */
  readonly dataFolder: string | null;
  /** Which of the grid's runs are made. Default: all. */
  readonly shard?: Shard | undefined;
  /** The ranks that share the grid's runs, in one folder, in place of a shard. Default: none. */
  readonly communicator?: Communicator | null;
  /** Number of worker processes. */
  readonly jobs: number;
  readonly outputFolder: string;
  /** The command as it was given, for the records. */
  readonly command: string;
  /** Seconds from one checkpoint of a run to the next. Default: 30. */
  readonly checkpointSeconds?: number;
  /** Whether event files for TensorBoard are written as well. */
  readonly tensorBoard?: boolean;
  readonly signal: AbortSignal;
}

/** Each value once, in the order of their first places. */
function distinct<Value>(values: readonly Value[]): Value[] {
  return values.filter(
    (value, index) => values.findIndex((other) => isDeepStrictEqual(other, value)) === index,
  );
}

/** Results, tables and figures; returns the paths of what was written. */
async function writeReport(
  { quick, preset, outputFolder, command }: ExperimentOptions,
  experiment: Experiment,
  runs: readonly FinishedRun[],
  { summary, figures, tables }: Report,
): Promise<string[]> {
  const paths: string[] = [];
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(outputFolder, name);
    writeAtomically(path, content);
    paths.push(path);
  };
  // What the runs tell, because they may have been made by earlier commands, also elsewhere.
  const headers = runs.map(({ header }) => header);
  const results = {
    experiment: experiment.name,
    command,
    quick,
    ...(preset !== null && { preset }),
    commits: distinct(runs.flatMap(({ commits }) => commits)),
    engines: distinct(headers.map(({ engine }) => engine)).filter((engine) => engine !== null),
    environments: distinct(
      headers.map(({ versions, environment, machine }) => ({ versions, environment, machine })),
    ),
    runs: runs.map(({ id, end }) => ({ id, steps: end.steps, reason: end.reason })),
    summary,
  };
  write('results.json', `${JSON.stringify(results, null, 2)}\n`);
  for (const { name, markdown } of tables) {
    write(`${name}.md`, markdown);
  }
  for (const { name, specification } of figures) {
    const svg = await drawSvg(specification);
    write(`${name}.svg`, svg);
    write(`${name}.png`, rasterize(svg));
  }
  return paths;
}

/** The part of the runs that this process makes; undefined: all. */
function partOf({ shard, communicator }: ExperimentOptions): Shard | undefined {
  return communicator ? { index: communicator.rank + 1, count: communicator.size } : shard;
}

/** Whether this process shows the progress and makes the report. */
function isFirst({ communicator }: ExperimentOptions): boolean {
  return !communicator || communicator.rank === 0;
}

/** Ranks wait for the longest run of all; one that ends early is an error on the others in any case. */
const secondsOfRuns = 1e9;

/**
 * Makes runs on all ranks and waits for all of them, so that a run that fails on one does not end the
 * others.
 * @throws Error where runs have failed, on all ranks.
 */
async function onAllRanks(
  { communicator, signal }: ExperimentOptions,
  make: () => Promise<boolean>,
): Promise<boolean> {
  if (!communicator) return make();
  communicator.timeoutSeconds = secondsOfRuns;
  let failure: unknown = null;
  let made = false;
  try {
    made = await make();
  } catch (error) {
    failure = error;
  }
  if (signal.aborted) return false;
  const failed = await communicator.sum(failure === null ? 0 : 1);
  if (failure !== null) throw failure as Error;
  if (failed > 0) throw new FileError(`Runs of ${failed} of the other ranks failed; no results.`);
  return made;
}

async function makeRuns(options: ExperimentOptions, grid: Grid): Promise<boolean> {
  const { module, jobs, checkpointSeconds = standardCheckpointSeconds, signal, ...rest } = options;
  const failures = await runGrid({
    grid,
    setup: {
      module: module.href,
      needsTensorFlow: rest.needsTensorFlow,
      dataFolder: rest.dataFolder,
      outputFolder: rest.outputFolder,
      command: rest.command,
      commit: describeCommit(),
      checkpointSeconds,
    },
    jobs,
    display: isFirst(options) ? createProgressDisplay() : noDisplay,
    signal,
  });
  if (failures.length > 0) {
    const list = failures.map(({ id, message }) => `${id}: ${message}`).join('\n');
    throw new Error(`${failures.length} of ${grid.size} runs failed.\n${list}`);
  }
  return !signal.aborted;
}

/** @throws FileError that names every damaged log: nothing is made of some of the runs. */
function readRuns(outputFolder: string, grid: Grid): FinishedRun[] {
  const runs: FinishedRun[] = [];
  const problems: string[] = [];
  for (const [id, specification] of grid) {
    try {
      runs.push(readFinishedRun(runPaths(outputFolder, id), id, specification));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) {
    throw new FileError(
      [`${problems.length} of ${grid.size} logs cannot be used; no results.`, ...problems].join(
        '\n',
      ),
    );
  }
  return runs;
}

/** Results, tables and figures of all runs. */
async function report(
  options: ExperimentOptions,
  experiment: Experiment,
  runs: readonly FinishedRun[],
  lock: Lock,
): Promise<void> {
  const { outputFolder, quick, preset } = options;
  const made = experiment.report(runs, quick, preset);
  lock.assertHeld();
  const paths = await writeReport(options, experiment, runs, made);
  if (options.tensorBoard === true) {
    const { writeEventFiles } = await import('./tensorboard.js');
    const folder = join(outputFolder, 'tensorboard');
    writeEventFiles(runs, folder);
    paths.push(folder);
  }
  console.log(['Written:', ...paths].join('\n  '));
}

/**
 * Makes the runs of a grid that are not finished, or those of a shard.
 * @returns The finished runs; null: the command was interrupted, or other shards have to be made.
 */
async function complete(options: ExperimentOptions, grid: Grid): Promise<FinishedRun[] | null> {
  const { outputFolder, signal } = options;
  const shard = partOf(options);
  const ownRuns = shard === undefined ? grid : shardOf(grid, shard);
  // Shards may share a folder: they have no run in common.
  const part = shard === undefined ? '' : `-${shard.index}-of-${shard.count}`;
  const make = () => makeRuns(options, ownRuns);
  const makeLocked = () => exclusively(lockOf(outputFolder) + part, make, waitingFor(options));
  if (!(await onAllRanks(options, makeLocked))) {
    console.log('Interrupted; the same command goes on from here.');
    return null;
  }
  const missing = [...grid.keys()].filter((id) => !existsSync(runPaths(outputFolder, id).log));
  if (missing.length > 0) {
    console.log(
      `${grid.size - missing.length} of ${grid.size} runs are in ${runsFolder(outputFolder)}. When ` +
        'those of the other shards are there too, the same command goes on, and the command without ' +
        '--shard makes the report.',
    );
    return null;
  }
  return signal.aborted ? null : readRuns(outputFolder, grid);
}

/** Of the wait for another command that writes into the same folder. */
function waitingFor({ outputFolder, signal }: ExperimentOptions) {
  return {
    onWait: (holder: string) => {
      console.log(`Another command (${holder}) writes into ${outputFolder}; waiting for its end.`);
    },
    signal,
  };
}

/**
 * Makes results, tables and figures of the runs that are finished, and no run: what a grid of many
 * hours has come to so far.
 *
 * @throws FileError where none is finished, and where the experiment chooses runs by the results of
 * others and some are missing.
 */
export async function reportFinishedRuns(options: ExperimentOptions): Promise<void> {
  const { module, quick, preset, outputFolder } = options;
  prepareTensorFlowEnvironment(1);
  const experiment = await loadExperiment(module.href);
  const finishedOf = (runs: Grid) =>
    new Map([...runs].filter(([id]) => existsSync(runPaths(outputFolder, id).log)));
  const check = (finished: Grid, runs: Grid) => {
    const needsAll = experiment.followUp !== undefined;
    const state = `${finished.size} of ${runs.size} runs are finished in ${runsFolder(outputFolder)}`;
    if (needsAll ? finished.size < runs.size : finished.size === 0) {
      throw new FileError(
        `${state}, and a report of ${experiment.name} needs ${needsAll ? 'all' : 'one'}: give the ` +
          'command without --report.',
      );
    }
    console.log(`${state}.`);
  };
  const grid = gridById(experiment, quick, preset);
  const finished = finishedOf(grid);
  check(finished, grid);
  const first = readRuns(outputFolder, finished);
  const next = followUpById(experiment, first, quick, preset);
  if (next.size > 0) check(finishedOf(next), next);
  const runs = [...first, ...readRuns(outputFolder, next)];
  const write = (lock: Lock) => report(options, experiment, runs, lock);
  await exclusively(lockOf(outputFolder), write, waitingFor(options));
}

/**
 * Makes the runs of an experiment that are not finished, and those that follow from them; then, if
 * the runs of all shards are there, its results, tables and figures, of several ranks the first one.
 * When the signal is aborted, the runs end after their current steps, with checkpoints.
 */
export async function runExperiment(options: ExperimentOptions): Promise<void> {
  const { module, quick, preset, dataFolder, outputFolder } = options;
  const shard = partOf(options);
  // For the workers, which inherit it. Numbers depend on the number of threads, and must not on how
  // many processes share the machine.
  prepareTensorFlowEnvironment(1);
  const experiment = await loadExperiment(module.href);
  const grid = gridById(experiment, quick, preset);
  const ownRuns = shard === undefined ? grid : shardOf(grid, shard);
  await experiment.checkData?.([...ownRuns.values()], { dataFolder });
  makeFolder(runsFolder(outputFolder));
  const first = await complete(options, grid);
  if (first === null) {
    return;
  }
  const next = followUpById(experiment, first, quick, preset);
  const further = next.size === 0 ? [] : await complete(options, next);
  if (further === null) {
    return;
  }
  if (!isFirst(options)) return;
  const runs = [...first, ...further];
  const write = (lock: Lock) => report(options, experiment, runs, lock);
  await exclusively(lockOf(outputFolder), write, waitingFor(options));
}
