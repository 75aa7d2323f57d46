import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';

import { FileError } from '../../lib/platform/file-error.js';
import { writeAtomically } from '../../lib/platform/write-atomically.js';
import type { RunState } from './experiment.js';
import { readIfPresent } from './files.js';

/** How far a run was, and its state there. */
export interface Checkpoint {
  readonly step: number;
  /** Seconds that the steps so far took. */
  readonly seconds: number;
  /** Bytes of the log at that step; what follows them belongs to steps that will be made again. */
  readonly logLength: number;
  /** SHA-256 of these bytes. */
  readonly logHash: string;
  readonly state: RunState;
}

const magic = 'tfjs-alig checkpoint 1\n';
const hashLength = 32;

function hashOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

/** Says when a checkpoint is due. */
export class CheckpointSchedule {
  readonly #seconds: number;
  #last = performance.now();
  #interval: number;

  /** @param seconds From one checkpoint to the next; more where one takes long. */
  constructor(seconds: number) {
    this.#seconds = seconds;
    this.#interval = 1000 * seconds;
  }

  isDue(): boolean {
    return performance.now() - this.#last >= this.#interval;
  }

  /** Makes a checkpoint. */
  async make(work: () => Promise<void>): Promise<void> {
    const begin = performance.now();
    await work();
    this.#last = performance.now();
    // That of a large network takes seconds: not more than 1 / 30 of the time is spent on them.
    this.#interval = this.#seconds * (1000 + this.#last - begin);
  }
}

/** Seconds from one checkpoint to the next unless a test wants others. */
export const standardCheckpointSeconds = 30;

/** Writes a checkpoint; one that was there before is replaced as a whole or not at all. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): void {
  // Numbers and typed arrays keep every bit, NaN and -0 included, which JSON would not.
  const content = serialize(checkpoint);
  writeAtomically(path, Buffer.concat([Buffer.from(magic), hashOf(content), content]));
}

/**
 * The checkpoint in a file, or null where there is none.
 * @throws FileError where the file is damaged, as after a failure of the disk.
 */
export function readCheckpoint(path: string): Checkpoint | null {
  const file = readIfPresent(path);
  if (file === null) {
    return null;
  }
  const start = magic.length + hashLength;
  const content = file.subarray(start);
  if (
    file.length <= start ||
    file.toString('latin1', 0, magic.length) !== magic ||
    !hashOf(content).equals(file.subarray(magic.length, start))
  ) {
    throw new FileError(
      `The checkpoint ${path} is damaged (${file.length} bytes). Delete it to begin this run ` +
        'again; other runs are not affected.',
    );
  }
  return deserialize(content) as Checkpoint;
}
