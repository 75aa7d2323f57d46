import { existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';

import { ranksOfMpirun } from '../experiments/runner/ranks.js';
import { chartFileName, singleRunPaths } from '../experiments/training/output.js';
import type { Communicator } from '../lib/mpi/communicator.js';
import { packageRoot } from '../lib/platform/package.js';
import { ensureTensorFlowRuntime } from '../lib/platform/tensorflow-runtime.js';
import { requirePackages } from './experiment-packages.js';
import { runInterruptibly } from './interruption.js';
import { consoleProgress } from './progress.js';

function defaultOutputFolder(name: string): string {
  // A colon may not be in a file name on Windows.
  const timestamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return join('runs', `${name}-${timestamp}`);
}

/** What speaks against writing into the folder, or null. */
function outputProblem(folder: string): string | null {
  if (!existsSync(folder)) {
    return null;
  }
  if (!statSync(folder).isDirectory()) {
    return 'is not a folder';
  }
  const { log, partialLog } = singleRunPaths(folder);
  const chart = join(folder, chartFileName);
  // Of a run that was interrupted there is a chart; the run goes on.
  const present = [log, ...(existsSync(partialLog) ? [] : [chart])].find((path) =>
    existsSync(path),
  );
  return present === undefined ? null : `already has a ${basename(present)} of another run`;
}

/** An experiment's training as a command. */
export interface Training {
  /** The experiment's name, as the default output folder has it. */
  readonly name: string;
  /** What the experiment imports and a user of the published package may not have. */
  readonly packages: readonly string[];
  /** How many threads TensorFlow takes unless the user has set it. Default: its own choice. */
  readonly threads?: number;
  /**
   * Trains and writes into the folder; ends early when the signal is aborted. With a communicator rank 0
   * alone writes.
   */
  readonly run: (
    folder: string,
    signal: AbortSignal,
    communicator: Communicator | null,
  ) => Promise<void>;
  /** Whether several processes can share it. Default: false. */
  readonly forRanks?: boolean;
}

/**
 * Runs a training: checks its output folder and packages before anything is loaded or written, makes
 * the TensorFlow runtime if it is missing, and ends the training on the first Ctrl-C.
 */
export async function runTraining(
  command: Command,
  { name, packages, threads, run, forRanks = false }: Training,
  output: string = defaultOutputFolder(name),
): Promise<void> {
  const folder = resolve(output);
  const communicator = await ranksOfMpirun();
  if (communicator && !forRanks) {
    command.error(`error: train ${name} runs in one process; start it without mpirun.`);
  }
  const writes = communicator === null || communicator.rank === 0;
  const problem = writes ? outputProblem(folder) : null;
  if (problem !== null) {
    command.error(
      `error: option '--output <folder>' argument '${output}' is invalid. It ${problem}. ` +
        'Allowed is a new folder or one without a run.',
    );
  }
  requirePackages(command, packages);
  await runInterruptibly(async (signal) => {
    const { loadTensorFlow, prepareTensorFlowEnvironment } =
      await import('../experiments/runner/environment.js');
    prepareTensorFlowEnvironment(threads);
    await ensureTensorFlowRuntime({ from: packageRoot, progress: consoleProgress(), signal });
    await loadTensorFlow();
    await run(folder, signal, communicator);
  });
}
