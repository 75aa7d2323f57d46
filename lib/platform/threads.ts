import { addonState } from '#addon';

/** The native add-on, or an error that says how to get it. */
function addon() {
  const state = addonState();
  if (!state.addon) throw new Error(state.report);
  return state.addon;
}

/**
 * How many threads a native step takes at most; small steps run on the calling thread. Default:
 * the environment variable TFJS_ALIG_THREADS, else the physical cores that the process may run on.
 * A step's result does not depend on it.
 *
 * @throws Error where the native add-on is missing.
 */
export function getThreadCount(): number {
  return addon().getThreadCount();
}

/**
 * Sets how many threads a native step takes at most, for the whole process.
 *
 * @param count A whole number from 1 to 1024.
 * @throws RangeError for another count, Error where the native add-on is missing.
 */
export function setThreadCount(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 1024) {
    throw new RangeError(
      `setThreadCount: count must be a whole number from 1 to 1024, not ${String(count)}.`,
    );
  }
  addon().setThreadCount(count);
}
