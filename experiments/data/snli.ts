import type { EmbeddingSource } from './embeddings.js';
import {
  DataError,
  type DataFile,
  findFile,
  hasFile,
  type Source,
  withThousands,
} from './files.js';
import { readLines } from './lines.js';
import { PairEmbedder, PairList, Vocabulary } from './sentence-pairs.js';
import type { SentencePairData } from './sentences.js';

const source: Source = {
  name: 'SNLI 1.0',
  page: 'https://nlp.stanford.edu/projects/snli/',
  archive: {
    name: 'snli_1.0.zip',
    bytes: 94_550_081,
    checksum: 'SHA-256 afb3d70a5af5d8de0d9d81e2637e0fb8c22d1235c2749d83125ca43dab0dbd3e',
  },
  folder: 'snli_1.0',
};

/** Pairs in the official files, with those that have no label. */
const pairCounts = { train: 550_152, dev: 10_000, test: 10_000 };
type Part = keyof typeof pairCounts;

/** The label of pairs whose annotators had no majority; they are left out. */
const noLabel = '-';

/** What is read of a line. */
interface Line {
  readonly label: unknown;
  readonly first: unknown;
  readonly second: unknown;
}

/** Columns 1, 6 and 7 of the tab-separated files. */
const columns = { label: 0, first: 5, second: 6 };
const columnNames = { label: 'gold_label', first: 'sentence1', second: 'sentence2' };

function parseColumns(line: string): Line {
  const values = line.split('\t');
  return {
    label: values[columns.label],
    first: values[columns.first],
    second: values[columns.second],
  };
}

function parseJson(line: string): Line {
  const record = JSON.parse(line) as Record<string, unknown>;
  return {
    label: record[columnNames.label],
    first: record[columnNames.first],
    second: record[columnNames.second],
  };
}

/** The text file, which the published code reads, or where there is none the one with JSON lines. */
function findPart(folder: string, part: Part): { path: string; file: DataFile; isText: boolean } {
  const text: DataFile = { name: `snli_1.0_${part}.txt`, bytes: null };
  const json: DataFile = { name: `snli_1.0_${part}.jsonl`, bytes: null };
  const isText = hasFile(folder, source, text) || !hasFile(folder, source, json);
  const file = isText ? text : json;
  return { path: findFile(folder, source, file), file, isText };
}

async function readPart(
  { folder, anySize = false }: SnliOptions,
  part: Part,
  vocabulary: Vocabulary,
): Promise<{ pairs: PairList; file: DataFile }> {
  const { path, file, isText } = findPart(folder, part);
  const pairs = new PairList();
  let lineNumber = 0;
  for await (const line of readLines(path)) {
    lineNumber += 1;
    let parsed: Line;
    try {
      parsed = (isText ? parseColumns : parseJson)(line.toString('utf8'));
    } catch {
      throw new DataError(`${path}: line ${lineNumber} is no JSON.`, source, file);
    }
    const { label, first, second } = parsed;
    if (isText && lineNumber === 1) {
      const isHeader =
        label === columnNames.label && first === columnNames.first && second === columnNames.second;
      if (!isHeader) {
        const problem = `${path}: columns 1, 6 and 7 are not called gold_label, sentence1 and sentence2.`;
        throw new DataError(problem, source, file);
      }
      continue;
    }
    if (typeof label !== 'string' || typeof first !== 'string' || typeof second !== 'string') {
      throw new DataError(
        `${path}: line ${lineNumber} has no label and two sentences.`,
        source,
        file,
      );
    }
    if (label !== noLabel && !pairs.add(label, first, second, vocabulary)) {
      throw new DataError(`${path}: line ${lineNumber} has the label ${label}.`, source, file);
    }
  }
  const count = lineNumber - (isText ? 1 : 0);
  if (!anySize && count !== pairCounts[part]) {
    throw new DataError(
      `${path} has ${withThousands(count)} pairs, not ${withThousands(pairCounts[part])}.`,
      source,
      file,
    );
  }
  return { pairs, file };
}

/** What {@link loadSnli} is told. */
export interface SnliOptions {
  /** The folder of `--data`: it holds the unpacked archives, or the files of one. */
  readonly folder: string;
  readonly embeddings: EmbeddingSource;
  /** Whether files of another number of pairs than the official ones are taken. Default: no. */
  readonly anySize?: boolean;
}

/**
 * SNLI from its official files (`snli_1.0/`), `.txt` or `.jsonl`: pairs of sentences with the label
 * entailment, neutral or contradiction, divided into words and embedded as in the published code. The
 * official parts: 549,367 pairs with a label to train on, 9,842 for validation, 9,824 to test.
 * @throws DataError where a file is missing or wrong.
 * @see https://nlp.stanford.edu/projects/snli/
 */
export async function loadSnli(options: SnliOptions): Promise<SentencePairData> {
  const { folder, embeddings } = options;
  const vocabulary = new Vocabulary();
  const train = await readPart(options, 'train', vocabulary);
  const validation = await readPart(options, 'dev', vocabulary);
  const test = await readPart(options, 'test', vocabulary);
  const table = await embeddings.read(vocabulary.wanted, folder);
  const embedder = new PairEmbedder(vocabulary, table);
  return {
    name: `SNLI with ${embeddings.name}`,
    splits: {
      train: embedder.embed(train.pairs, source, train.file),
      validation: embedder.embed(validation.pairs, source, validation.file),
      test: embedder.embed(test.pairs, source, test.file),
    },
    embeddings: table,
  };
}
