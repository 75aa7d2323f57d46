import { acquire, acquireIfFree, type LockFile, type WaitOptions } from './lock-file.js';

/** What work is told of the lock that it is done under. */
export type Lock = Pick<LockFile, 'assertHeld'>;

async function holding<Result>(
  lock: LockFile,
  work: (lock: Lock) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/**
 * Runs `work` while no other process, on this or another machine, runs work under the same lock file.
 * See NOTE [locks]. Rejects with an AbortError when aborted while it waits.
 *
 * @param path The lock file, in a folder that is there; it goes with the work.
 */
export async function exclusively<Result>(
  path: string,
  work: (lock: Lock) => Promise<Result>,
  options: WaitOptions,
): Promise<Result> {
  return holding(await acquire(path, options), work);
}

/** Runs `work` as `exclusively` does, or not at all where it would have to wait; tells which. */
export async function exclusivelyIfFree(
  path: string,
  work: (lock: Lock) => Promise<void>,
): Promise<boolean> {
  const lock = await acquireIfFree(path);
  if (lock === undefined) return false;
  await holding(lock, work);
  return true;
}
