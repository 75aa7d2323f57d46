import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** A file could not be written or read as it must be; the message says what to do. */
export class FileError extends Error {
  override readonly name = 'FileError';
  /** Whether other files of the same folder will meet the same fate, as on a full disk. */
  readonly concernsAll: boolean;

  constructor(message: string, options: ErrorOptions & { readonly concernsAll?: boolean } = {}) {
    super(message, options);
    this.concernsAll = options.concernsAll ?? false;
  }
}

/** Reasons that are not the file's own, and what a user can do. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: make room',
  EDQUOT: 'The quota of disk space is used up: make room',
  EROFS: 'The file system is read-only: choose another output folder',
  EACCES: 'Writing is not allowed: choose another output folder',
};

/** Runs what writes a file; its failure becomes a {@link FileError} that names the file. */
export function writing<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const remedy = remedies[code];
    throw new FileError(
      remedy === undefined
        ? `Cannot write ${path}: ${message}`
        : `Cannot write ${path}. ${remedy}, then give the same command again: finished runs are ` +
            'kept, others go on from their last checkpoint.',
      { cause: error, concernsAll: remedy !== undefined },
    );
  }
}

/** Makes a new, renamed or removed entry of a folder outlast a power cut. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') {
    return; // Folders cannot be opened there.
  }
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function temporaryOf(path: string): string {
  return `${path}.new`;
}

/** Writes a file so that at every moment there is either the old one or the whole new one. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = temporaryOf(path);
  writing(path, () => {
    try {
      const descriptor = openSync(temporary, 'w');
      try {
        writeFileSync(descriptor, content);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(temporary, path);
      syncFolder(dirname(path));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

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
  };
}

/** Removes a run's checkpoint, also one that a killed process has not finished writing. */
export function removeCheckpoint({ checkpoint }: RunPaths): void {
  rmSync(checkpoint, { force: true });
  rmSync(temporaryOf(checkpoint), { force: true });
}
