import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { FileError } from '../../lib/platform/file-error.js';
import { writeAtomically } from '../../lib/platform/write-atomically.js';
import { runsFolder } from './files.js';
import { hashLine, withoutHash } from './log-hash.js';
import { parseLines, type GridRecord } from './resumable-log.js';

/**
 * What shows that a log without a hash is not whole, or null. That lines of chosen steps are there,
 * and that no digit has changed, only a hash can tell.
 */
function problemOf(content: Buffer): string | null {
  let records: GridRecord[];
  try {
    records = parseLines(content) as GridRecord[];
  } catch {
    return 'a line is no JSON';
  }
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  if (!Buffer.from(text).equals(content)) return 'its text is not what was written';
  const [header, ...rest] = records;
  const end = rest.pop();
  if (header?.type !== 'run') return 'its first line is missing';
  if (end?.type !== 'end') return 'its last line is missing';
  let last = { step: 0, seconds: 0 };
  for (const [index, record] of rest.entries()) {
    const line = `line ${index + 2}`;
    if (record.type === 'resume') continue;
    if (record.type !== 'step') return `${line} is none of a step`;
    const { step, seconds } = record;
    if (!Number.isInteger(step) || !(step > last.step)) {
      return `${line} is of step ${String(step)}, after step ${last.step}`;
    }
    if (!(seconds >= last.seconds)) return `${line} was made before the line before it`;
    last = { step, seconds };
  }
  if (end.steps < last.step || end.seconds < last.seconds) return 'its last line is of another run';
  return null;
}

/** How many logs of a folder were sealed now, and how many had been. */
export interface SealedLogs {
  readonly sealed: number;
  readonly before: number;
}

/**
 * Gives the logs of an experiment's finished runs their hashes, where they were made before logs had
 * them. All are checked before one is changed.
 *
 * @param outputFolder Holds the folder `runs`.
 * @throws FileError that names every log that is damaged.
 */
export function sealLogs(outputFolder: string): SealedLogs {
  const folder = runsFolder(outputFolder);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new FileError(`There are no runs in ${folder}: give an experiment's output folder.`, {
      cause: error,
    });
  }
  const logs = names.filter((name) => name.endsWith('.jsonl') && !name.endsWith('.partial.jsonl'));
  const contents = new Map<string, Buffer>();
  const problems: string[] = [];
  for (const path of logs.map((name) => join(folder, name))) {
    const log = readFileSync(path);
    if ('content' in withoutHash(log)) continue;
    const problem = problemOf(log);
    if (problem === null) contents.set(path, log);
    else problems.push(`${path} is damaged: ${problem}. Delete it to make this run again.`);
  }
  if (problems.length > 0) {
    throw new FileError(
      [
        `${problems.length} of ${logs.length} logs are damaged; none was changed.`,
        ...problems,
      ].join('\n'),
    );
  }
  for (const [path, log] of contents) {
    const line = hashLine(createHash('sha256').update(log).digest('hex'));
    writeAtomically(path, Buffer.concat([log, Buffer.from(line)]));
  }
  return { sealed: contents.size, before: logs.length - contents.size };
}
