import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryOf } from '../../lib/platform/write-atomically.js';

/** A file's content, or null where there is none. */
export function readIfPresent(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null;
    }
    throw error;
  }
}

/** The files of one run. */
export interface RunPaths {
  /** The log of a finished run: that it is there says that the run is finished. */
  readonly log: string;
  /** The log of a run that is not finished. */
  readonly partialLog: string;
  /** The state from which an unfinished run goes on. */
  readonly checkpoint: string;
  /** Is there while a process writes the others. */
  readonly lock: string;
}

/** The lock of a command that writes into a folder. */
export function lockOf(outputFolder: string): string {
  return join(outputFolder, '.lock');
}

/** Where the runs of an output folder have their files. */
export function runsFolder(outputFolder: string): string {
  return join(outputFolder, 'runs');
}

/** The files of the run of that name. */
export function runPaths(outputFolder: string, id: string): RunPaths {
  const stem = join(runsFolder(outputFolder), id);
  return {
    log: `${stem}.jsonl`,
    partialLog: `${stem}.partial.jsonl`,
    checkpoint: `${stem}.checkpoint`,
    lock: `${stem}.lock`,
  };
}

/** Removes a run's checkpoint, also one that a killed process has not finished writing. */
export function removeCheckpoint({ checkpoint }: RunPaths): void {
  rmSync(checkpoint, { force: true });
  rmSync(temporaryOf(checkpoint), { force: true });
}
