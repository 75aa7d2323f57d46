import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { Checkpoint } from './checkpoint.js';
import { FileError, writing } from '../../lib/platform/file-error.js';
import { syncFolder, writeAtomically } from '../../lib/platform/write-atomically.js';
import type { FinishedRun, LoggedStep, RunEnd, RunHeader, RunSpecification } from './experiment.js';
import { readIfPresent, removeCheckpoint, type RunPaths } from './files.js';
import { hashLine, withoutHash } from './log-hash.js';

/** A line that says from which step on a run was carried out by other sources. */
export interface ResumeRecord {
  readonly type: 'resume';
  readonly step: number;
  readonly commit: string | null;
}

/** A line of a grid's log. */
export type GridRecord = RunHeader | LoggedStep | ResumeRecord | RunEnd;

/** JSON has no infinities and no NaN, and would make null of them, which means "none" here. */
function notFiniteAsText(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** The log of a run that is under way, which it alone writes. */
export class ResumableLog<Entry extends { readonly type: string }> {
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
  static begin<Entry extends { readonly type: string }>(paths: RunPaths): ResumableLog<Entry> {
    return writing(paths.partialLog, () => {
      // A new file: a process that has lost its lock would write into the old one.
      rmSync(paths.partialLog, { force: true });
      return new ResumableLog(paths, openSync(paths.partialLog, 'wx'), new Uint8Array());
    });
  }

  /**
   * Continues a log where the checkpoint was made, and returns its lines so far.
   * @throws FileError where the log is not the one of the checkpoint.
   */
  static resume<Entry extends { readonly type: string }>(
    paths: RunPaths,
    { logLength, logHash }: Checkpoint,
  ): { log: ResumableLog<Entry>; records: Entry[] } {
    const kept = readIfPresent(paths.partialLog)?.subarray(0, logLength);
    if (kept?.length !== logLength || createHash('sha256').update(kept).digest('hex') !== logHash) {
      throw new FileError(
        `The log ${paths.partialLog} is damaged: it is not the one that ${paths.checkpoint} was ` +
          'made with. Delete both to begin this run again; other runs are not affected.',
      );
    }
    const records = parseLines(kept) as Entry[];
    // A new file, as in `begin`, without what follows the checkpoint.
    writeAtomically(paths.partialLog, kept);
    const file = writing(paths.partialLog, () => openSync(paths.partialLog, 'a'));
    return { log: new ResumableLog(paths, file, kept), records };
  }

  /** Writes a line; the system has it when this returns, and the disk after `sync`. */
  write(record: Entry): void {
    this.#append(`${JSON.stringify(record, notFiniteAsText)}\n`);
  }

  #append(text: string): void {
    const line = Buffer.from(text);
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
    this.#append(hashLine(this.#hash.copy().digest('hex')));
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

/** The objects of a log's lines. */
export function parseLines(content: Buffer): unknown[] {
  const lines = content.toString('utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

/**
 * Reads the log of a finished run.
 * @throws FileError where the log is damaged or that of a run with another configuration.
 */
export function readFinishedRun(
  { log }: Pick<RunPaths, 'log'>,
  id: string,
  specification: RunSpecification,
): FinishedRun {
  const file = readIfPresent(log);
  if (file === null) {
    throw new FileError(`${log} is missing. Give the same command again to make this run.`);
  }
  const hashed = withoutHash(file);
  if ('problem' in hashed) {
    throw new FileError(
      `${log} is damaged: ${hashed.problem}. Delete it to make this run again. (Of logs that ` +
        'were made before they had hashes, tfjs-alig seal <folder> checks the lines and adds them.)',
    );
  }
  const records = parseLines(hashed.content) as GridRecord[];
  const header = records[0] as RunHeader;
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
  return { id, header, commits, steps, end: records.at(-1) as RunEnd };
}
