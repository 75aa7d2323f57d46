import type { EmbeddingSource } from './embeddings.js';
import { DataError, type DataFile, findFile, type Source, withThousands } from './files.js';
import { readLines } from './lines.js';
import { PairEmbedder, PairList, Vocabulary } from './sentence-pairs.js';
import type { SentencePairData } from './sentences.js';

const source: Source = {
  name: 'SICK',
  page: 'https://zenodo.org/record/2787612',
  archive: null,
  folder: 'SICK',
};
const file: DataFile = { name: 'SICK.txt', bytes: null };

/** The columns that are read, from 0 on, and what the first line calls them. */
const columns = [
  [1, 'sentence_A'],
  [2, 'sentence_B'],
  [3, 'entailment_label'],
  [11, 'SemEval_set'],
] as const;

/** Pairs of each part of the official file. */
const pairCounts: Readonly<Record<string, number>> = { TRAIN: 4_439, TRIAL: 495, TEST: 4_906 };

/** What {@link loadSick} is told. */
export interface SickOptions {
  /** The folder of `--data`: it holds SICK.txt. */
  readonly folder: string;
  readonly embeddings: EmbeddingSource;
  /** Whether a file of another number of pairs than the official one is taken. Default: no. */
  readonly anySize?: boolean;
}

/**
 * SICK, which stands in for SNLI where that is not to be had: 9,840 pairs of sentences with the same
 * three labels, divided into words and embedded as SNLI's. The parts are those of SemEval 2014: TRAIN
 * (4,439 pairs) to train on, TRIAL (495) for validation, TEST (4,906).
 * @throws DataError where the file is missing or wrong.
 * @see https://zenodo.org/record/2787612
 */
export async function loadSick(options: SickOptions): Promise<SentencePairData> {
  const { folder, embeddings, anySize = false } = options;
  const path = findFile(folder, source, file);
  const vocabulary = new Vocabulary();
  const parts = new Map(Object.keys(pairCounts).map((name) => [name, new PairList()]));
  const fail = (problem: string): never => {
    throw new DataError(`${path}${problem}`, source, file);
  };
  let lineNumber = 0;
  for await (const line of readLines(path)) {
    lineNumber += 1;
    const values = line.toString('utf8').split('\t');
    if (lineNumber === 1) {
      for (const [column, name] of columns) {
        if (values[column] !== name) {
          fail(`: column ${column + 1} is not called ${name}.`);
        }
      }
      continue;
    }
    const [first, second, label = '', part = ''] = columns.map(([column]) => values[column]);
    if (first === undefined || second === undefined || !parts.has(part)) {
      return fail(`: line ${lineNumber} has no two sentences and one of TRAIN, TRIAL and TEST.`);
    }
    if (parts.get(part)?.add(label, first, second, vocabulary) !== true) {
      fail(`: line ${lineNumber} has the label ${label}.`);
    }
  }
  if (!anySize) {
    for (const [part, { length }] of parts) {
      const expected = pairCounts[part]!;
      if (length !== expected) {
        fail(` has ${withThousands(length)} pairs of ${part}, not ${withThousands(expected)}.`);
      }
    }
  }
  const table = await embeddings.read(vocabulary.wanted, folder);
  const embedder = new PairEmbedder(vocabulary, table);
  const embed = (part: string) => embedder.embed(parts.get(part)!, source, file);
  return {
    name: `SICK, in place of SNLI, with ${embeddings.name}`,
    splits: { train: embed('TRAIN'), validation: embed('TRIAL'), test: embed('TEST') },
    embeddings: table,
  };
}
