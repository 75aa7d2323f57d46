/** What shells report for a process that Ctrl-C has ended: 128 + SIGINT. */
const exitCodeOfInterruption = 130;

/**
 * Runs what ends early when its signal is aborted, which the first Ctrl-C does; the process then
 * reports the interruption by its exit code.
 */
export async function runInterruptibly(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort();
  };
  // Once only: the second Ctrl-C ends the process as usual.
  process.once('SIGINT', interrupt);
  try {
    await run(interruption.signal);
    if (interruption.signal.aborted) {
      process.exitCode = exitCodeOfInterruption;
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}
