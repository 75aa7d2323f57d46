import type { Splits } from './dataset.js';

/** Sentences as the rows of their words in an embedding table, one sentence after the other. */
export interface Sentences {
  /** Number of sentences. */
  readonly length: number;
  /** The words of all sentences; none is 0, which is padding. */
  readonly words: Int32Array;
  /** Where each sentence begins in `words`, and after the last one where it ends. */
  readonly starts: Uint32Array;
}

/** Pairs of sentences and what the second is to the first. */
export interface SentencePairSet {
  /** Number of pairs. */
  readonly length: number;
  readonly first: Sentences;
  readonly second: Sentences;
  /** Of each pair: 0 entailment, 1 neutral, 2 contradiction. */
  readonly labels: Uint8Array;
}

/** Entailment, neutral, contradiction. */
export const pairClasses = 3;

/** Words as vectors. */
export interface EmbeddingTable {
  readonly dimension: number;
  /** Row after row: `[rows, dimension]`. Row 0 is padding: zeros. */
  readonly vectors: Float32Array;
  /** The row of each word, from 1 on. */
  readonly rows: ReadonlyMap<string, number>;
}

/** A data set of sentence pairs, ready for an experiment. */
export interface SentencePairData {
  /** As headings name it. */
  readonly name: string;
  readonly splits: Splits<SentencePairSet>;
  readonly embeddings: EmbeddingTable;
}

/** One side of a mini-batch. */
export interface SentenceBatch {
  /** Words of the longest of these sentences. */
  readonly words: number;
  /** Rows of the embedding table, sentence after sentence: `[indices.length, words]`; 0 after its end. */
  readonly rows: Int32Array;
  /** Words of each sentence. */
  readonly lengths: Int32Array;
}

/**
 * The sentences with these indices, in this order, padded to the longest of them: the published
 * network's maximum takes in padding, so that a sentence's embedding depends on its batch.
 * @throws RangeError where an index is none of the sentences'.
 */
export function sentenceBatch(sentences: Sentences, indices: ArrayLike<number>): SentenceBatch {
  const count = indices.length;
  const lengths = new Int32Array(count);
  let words = 0;
  for (let row = 0; row < count; row++) {
    const index = indices[row]!;
    if (!(index >= 0 && index < sentences.length)) {
      throw new RangeError(`There is no sentence ${index} among ${sentences.length}.`);
    }
    lengths[row] = sentences.starts[index + 1]! - sentences.starts[index]!;
    words = Math.max(words, lengths[row]!);
  }
  const rows = new Int32Array(count * words);
  for (let row = 0; row < count; row++) {
    const start = sentences.starts[indices[row]!]!;
    rows.set(sentences.words.subarray(start, start + lengths[row]!), row * words);
  }
  return { words, rows, lengths };
}
