/** What shells report for a program that writes to a pipe nobody reads from: 128 + SIGPIPE. */
const exitCodeOfBrokenPipe = 141;

/** Ends the process without a word where the reader of its output has gone, as in `| head`. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // Of anything else Node has to tell, as without this listener.
      if (error.code !== 'EPIPE') throw error;
      process.exit(exitCodeOfBrokenPipe);
    });
  }
}
