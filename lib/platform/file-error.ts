import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

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
  EIO: 'The disk reports an error: check it, or choose another folder',
  EROFS: 'The file system is read-only: choose another folder, or have it made writable',
  EACCES: 'Writing is not allowed: choose another folder, or run this as the user who owns it',
};

/** Runs what writes a file or folder; its failure becomes a {@link FileError} that names it. */
export function writing<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof FileError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    const remedy = remedies[code];
    throw new FileError(
      remedy === undefined
        ? `Cannot write ${path}: ${message}`
        : `Cannot write ${path}. ${remedy}, then try again.`,
      { cause: error, concernsAll: remedy !== undefined },
    );
  }
}

/** Throws what the system says of writing into a folder, or into the one that it would be made in. */
function checkWritable(folder: string): void {
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  accessSync(nearest, constants.W_OK);
}

/**
 * Makes a folder and those that it lies in, and checks that it can be written, before work begins
 * that would be lost.
 * @throws FileError that names the folder, and the remedy.
 */
export function makeFolder(folder: string): void {
  writing(folder, () => {
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      // Node says ENOENT of a folder in a read-only file system.
      checkWritable(folder);
      throw error;
    }
    checkWritable(folder);
  });
}
