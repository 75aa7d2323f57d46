/** The thread that shows other processes that this one lives, whatever its main thread does. */
import { closeSync, fsyncSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

/** What the main thread tells. The file is this thread's from `hold` on: it alone closes it. */
export interface HeartbeatCommand {
  readonly type: 'hold' | 'release';
  /** Descriptor of a lock file. */
  readonly file: number;
  /** Where in the file the count of beats lies. */
  readonly position: number;
}

/** The thread's `workerData`. */
export interface HeartbeatSettings {
  readonly milliseconds: number;
}

/** Digits of the count: always as many, so that a beat overwrites the one before. */
export const beatWidth = 12;

const positions = new Map<number, number>();
let count = 0;

function beat(): void {
  count += 1;
  for (const [file, position] of positions) {
    try {
      writeSync(file, String(count).padStart(beatWidth, '0'), position);
      // For the other machines of a network file system.
      fsyncSync(file);
    } catch {
      // Without beats the lock is given to another process, which its holder notices before it writes.
    }
  }
}

parentPort?.on('message', ({ type, file, position }: HeartbeatCommand) => {
  if (type === 'hold') {
    positions.set(file, position);
  } else {
    positions.delete(file);
    closeSync(file);
  }
});
if (parentPort !== null) {
  setInterval(beat, (workerData as HeartbeatSettings).milliseconds);
}
