import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Where a data set comes from, as its authors publish it. */
export interface Source {
  /** Of the data set. */
  readonly name: string;
  /** The page that offers it. */
  readonly page: string;
  /** The file to download: its name, bytes and checksum; null: the files are offered one by one. */
  readonly archive: {
    readonly name: string;
    readonly bytes: number;
    readonly checksum: string;
  } | null;
  /** The folder that the archive unpacks to, or null where its files have none. */
  readonly folder: string | null;
}

/** A file of a data set. */
export interface DataFile {
  readonly name: string;
  /** Null: told by its lines, or by what it holds. */
  readonly bytes: number | null;
  /** Of the file itself, where it is published. */
  readonly md5?: string;
}

const grouped = new Intl.NumberFormat('en-US');

/** A number with its thousands apart. */
export function withThousands(value: number): string {
  return grouped.format(value);
}

/** A file of a data set is missing or wrong; the message says what was expected and where to get it. */
export class DataError extends Error {
  override readonly name = 'DataError';

  constructor(problem: string, source: Source, file: DataFile) {
    const { name, page, archive } = source;
    const facts = [
      ...(file.bytes === null ? [] : [`${withThousands(file.bytes)} bytes`]),
      ...(file.md5 === undefined ? [] : [`MD5 ${file.md5}`]),
    ];
    const expected = facts.length === 0 ? file.name : `${file.name} (${facts.join(', ')})`;
    const origin =
      archive === null
        ? ''
        : ` of ${archive.name} (${withThousands(archive.bytes)} bytes, ${archive.checksum})`;
    super(
      `${problem}\nExpected is ${expected}${origin}. ${name} is to be had from ${page}; ` +
        `${archive === null ? 'put its files' : 'unpack it'} into the folder that --data names.`,
    );
  }
}

/** Where a file may lie: in the folder that the archive unpacks to, or by itself. */
function places(folder: string, source: Source, file: DataFile): string[] {
  return [
    ...(source.folder === null ? [] : [join(folder, source.folder, file.name)]),
    join(folder, file.name),
  ];
}

/** Whether the folder of `--data` has this file. */
export function hasFile(folder: string, source: Source, file: DataFile): boolean {
  return places(folder, source, file).some((path) => existsSync(path));
}

/**
 * The path of a file in the folder of `--data`, which holds what the archive unpacks to, or its files.
 * @throws DataError where there is none.
 */
export function findFile(folder: string, source: Source, file: DataFile): string {
  const paths = places(folder, source, file);
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new DataError(`There is no file ${paths.join(' or ')}.`, source, file);
  }
  return path;
}

/** @throws DataError where the file is not of the size of the official one. */
export function checkSize(path: string, source: Source, file: DataFile): void {
  const { size } = statSync(path);
  if (file.bytes !== null && size !== file.bytes) {
    const verdict = size < file.bytes ? 'it is truncated, or another file' : 'it is another file';
    throw new DataError(
      `${path} has ${withThousands(size)} bytes, not ${withThousands(file.bytes)}: ${verdict}.`,
      source,
      file,
    );
  }
}

/** @throws DataError where the file's MD5 is not the published one. */
export async function checkMd5(path: string, source: Source, file: DataFile): Promise<void> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  const md5 = hash.digest('hex');
  if (file.md5 !== undefined && md5 !== file.md5) {
    throw new DataError(`${path} is damaged: its MD5 is ${md5}, not ${file.md5}.`, source, file);
  }
}
