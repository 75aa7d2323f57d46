import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { Checkpoint } from './checkpoint.js';
import type { FinishedRun, LoggedStep, RunEnd, RunHeader, RunSpecification } from './experiment.js';
import {
  FileError,
  readIfPresent,
  removeCheckpoint,
  syncFolder,
  writing,
  type RunPaths,
} from './files.js';

/** A line that says from which step on a run was carried out by other sources. */
export interface ResumeRecord {
  readonly type: 'resume';
  readonly step: number;
  readonly commit: string | null;
}

type LogRecord = RunHeader | LoggedStep | ResumeRecord | RunEnd;

/** JSON has no infinities and no NaN, and would make null of them, which means "none" here. */
function notFiniteAsText(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** The log of a run that is under way, which it alone writes. */
export class ResumableLog {
  readonly #paths: RunPaths;
  readonly #file: number;
  readonly #hash: Hash;
  #length: number;

  private constructor(paths: RunPaths, file: number, kept: Uint8Array) {
    this.#paths = paths;
    this.#file = file;
    this.#length = kept.length;
    this.#hash = createHash('sha256').update(kept);
  }

  /** Begins a log; what an earlier process left without a checkpoint is dropped. */
  static begin(paths: RunPaths): ResumableLog {
    return writing(
      paths.partialLog,
      () => new ResumableLog(paths, openSync(paths.partialLog, 'w'), new Uint8Array()),
    );
  }

  /**
   * Continues a log where the checkpoint was made, and returns its header.
   * @throws FileError where the log is not the one of the checkpoint.
   */
  static resume(paths: RunPaths, checkpoint: Checkpoint): { log: ResumableLog; header: RunHeader } {
    const { logLength, logHash } = checkpoint;
    const kept = readIfPresent(paths.partialLog)?.subarray(0, logLength);
    if (kept?.length !== logLength || createHash('sha256').update(kept).digest('hex') !== logHash) {
      throw new FileError(
        `The log ${paths.partialLog} is damaged: it is not the one that ${paths.checkpoint} was ` +
          'made with. Delete both to begin this run again; other runs are not affected.',
      );
    }
    const header = JSON.parse(kept.toString('utf8', 0, kept.indexOf('\n'))) as RunHeader;
    const file = writing(paths.partialLog, () => {
      // Appending, because a position left of it would be written over.
      const descriptor = openSync(paths.partialLog, 'a');
      ftruncateSync(descriptor, logLength);
      return descriptor;
    });
    return { log: new ResumableLog(paths, file, kept), header };
  }

  /** Writes a line; the system has it when this returns, and the disk after `sync`. */
  write(record: LogRecord): void {
    const line = Buffer.from(`${JSON.stringify(record, notFiniteAsText)}\n`);
    writing(this.#paths.partialLog, () => {
      writeFileSync(this.#file, line);
    });
    this.#hash.update(line);
    this.#length += line.length;
  }

  /** Brings all lines to the disk and says where the log ends, for a checkpoint. */
  sync(): Pick<Checkpoint, 'logLength' | 'logHash'> {
    writing(this.#paths.partialLog, () => {
      fsyncSync(this.#file);
    });
    return { logLength: this.#length, logHash: this.#hash.copy().digest('hex') };
  }

  /** Makes the log that of a finished run: from here on the run is not made again. */
  finish(): void {
    const { partialLog, log } = this.#paths;
    this.sync();
    writing(log, () => {
      renameSync(partialLog, log);
      syncFolder(dirname(log));
    });
    removeCheckpoint(this.#paths);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * Reads the log of a finished run.
 * @throws FileError where the log is damaged or that of a run with another configuration.
 */
export function readFinishedRun(
  { log }: RunPaths,
  id: string,
  specification: RunSpecification,
): FinishedRun {
  let records: LogRecord[];
  try {
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    records = lines.map((line) => JSON.parse(line) as LogRecord);
  } catch (error) {
    throw new FileError(`${log} is damaged. Delete it to make this run again.`, { cause: error });
  }
  const header = records.at(0);
  const end = records.at(-1);
  if (header?.type !== 'run' || end?.type !== 'end') {
    throw new FileError(`${log} is damaged: lines are missing. Delete it to make this run again.`);
  }
  if (!isDeepStrictEqual(header.configuration, specification)) {
    throw new FileError(
      `${log} has another configuration than this run. Choose another output folder, or delete ` +
        'the file to make the run again.',
    );
  }
  const steps = records.filter((record): record is LoggedStep => record.type === 'step');
  const commits = records.flatMap((record) =>
    record.type === 'run' || record.type === 'resume' ? [record.commit] : [],
  );
  return { id, header, commits, steps, end };
}
