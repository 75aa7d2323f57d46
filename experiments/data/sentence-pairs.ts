import { DataError, type DataFile, type Source } from './files.js';
import type { EmbeddingTable, SentencePairSet, Sentences } from './sentences.js';
import { tokenize } from './tokenizer.js';

/** The classes in the order of their numbers. */
const labelNames = ['entailment', 'neutral', 'contradiction'];

/** Marks of a sentence's beginning and end, which have vectors of their own in GloVe's 840B file. */
const boundaries = ['<s>', '</s>'] as const;

/** Numbers for words, from 0 on, in the order in which they come. */
export class Vocabulary {
  readonly #numbers = new Map<string, number>();

  number(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) {
      return known;
    }
    this.#numbers.set(word, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** All words, each at the place of its number. */
  get words(): string[] {
    return [...this.#numbers.keys()];
  }

  /** What an embedding table should have: all words and the marks of beginning and end. */
  get wanted(): Set<string> {
    return new Set([...this.words, ...boundaries]);
  }
}

/** Divided sentences, as their words' numbers in a vocabulary. */
class NumberedSentences {
  readonly numbers: number[] = [];
  readonly starts: number[] = [0];

  add(sentence: string, vocabulary: Vocabulary): void {
    for (const word of tokenize(sentence)) {
      this.numbers.push(vocabulary.number(word));
    }
    this.starts.push(this.numbers.length);
  }
}

/** Pairs as a file gives them, before their words have vectors. */
export class PairList {
  readonly first = new NumberedSentences();
  readonly second = new NumberedSentences();
  readonly labels: number[] = [];

  get length(): number {
    return this.labels.length;
  }

  /**
   * @param label In any case: `entailment`, `neutral` or `contradiction`.
   * @returns Whether the label is one of the three; otherwise nothing is added.
   */
  add(label: string, first: string, second: string, vocabulary: Vocabulary): boolean {
    const number = labelNames.indexOf(label.toLowerCase());
    if (number === -1) {
      return false;
    }
    this.labels.push(number);
    this.first.add(first, vocabulary);
    this.second.add(second, vocabulary);
    return true;
  }
}

/** The sentences with the rows of their words; words without a vector are left out. */
function withRows(
  { numbers, starts }: NumberedSentences,
  rowOfNumber: Int32Array,
  marks: readonly [beginning: number, end: number] | null,
): Sentences {
  const length = starts.length - 1;
  const words = new Int32Array(numbers.length + (marks === null ? 0 : 2 * length));
  const newStarts = new Uint32Array(length + 1);
  let filled = 0;
  for (let sentence = 0; sentence < length; sentence++) {
    if (marks !== null) {
      words[filled++] = marks[0];
    }
    for (let word = starts[sentence]!; word < starts[sentence + 1]!; word++) {
      const row = rowOfNumber[numbers[word]!]!;
      if (row !== 0) {
        words[filled++] = row;
      }
    }
    if (marks !== null) {
      words[filled++] = marks[1];
    }
    newStarts[sentence + 1] = filled;
  }
  return { length, words: words.slice(0, filled), starts: newStarts };
}

/** Gives the words of pairs their rows in an embedding table. */
export class PairEmbedder {
  readonly #rowOfNumber: Int32Array;
  readonly #marks: readonly [beginning: number, end: number] | null;

  constructor(vocabulary: Vocabulary, { rows }: EmbeddingTable) {
    this.#rowOfNumber = Int32Array.from(vocabulary.words, (word) => rows.get(word) ?? 0);
    const [beginning, end] = boundaries.map((mark) => rows.get(mark));
    this.#marks = beginning === undefined || end === undefined ? null : [beginning, end];
  }

  /**
   * The pairs as the published code makes them: `<s>`, the words that have a vector, `</s>`. The marks
   * are left out, as any word, where the table does not have them.
   * @throws DataError where nothing is left of a sentence.
   */
  embed(pairs: PairList, source: Source, file: DataFile): SentencePairSet {
    const first = withRows(pairs.first, this.#rowOfNumber, this.#marks);
    const second = withRows(pairs.second, this.#rowOfNumber, this.#marks);
    for (const { length, starts } of [first, second]) {
      for (let sentence = 0; sentence < length; sentence++) {
        if (starts[sentence] === starts[sentence + 1]) {
          const problem = `No word of a sentence of pair ${sentence + 1} in ${file.name} is among the embeddings.`;
          throw new DataError(problem, source, file);
        }
      }
    }
    return { length: pairs.length, first, second, labels: Uint8Array.from(pairs.labels) };
  }
}
