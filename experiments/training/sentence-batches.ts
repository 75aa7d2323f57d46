/** Mini-batches of sentence pairs: a module of a BatchSource. */
import { sentenceBatch, type SentenceBatch, type SentencePairSet } from '../data/sentences.js';
import type { Splits } from '../data/dataset.js';
import type { Batch, BatchMaker, BatchSource } from './batches.js';
import { ExampleOrder, type OrderSettings } from './example-order.js';

/** Pairs of sentences as rows of an embedding table, and their classes. */
export interface PairBatch extends Batch {
  readonly first: SentenceBatch;
  readonly second: SentenceBatch;
  readonly labels: Int32Array;
}

/** What batches of sentence pairs are made of. */
export interface PairBatchData {
  readonly splits: Splits<SentencePairSet>;
  readonly order: OrderSettings;
}

export function batchMaker({ splits, order }: PairBatchData): BatchMaker<PairBatch> {
  const examples = new ExampleOrder(order);
  return (place) => {
    const { first, second, labels } = splits[place.set];
    const indices = examples.indices(place);
    return {
      batchSize: indices.length,
      first: sentenceBatch(first, indices),
      second: sentenceBatch(second, indices),
      labels: Int32Array.from(indices, (index) => labels[index]!),
    };
  };
}

/** The batches of sentence pairs as a source. */
export function pairBatches(data: PairBatchData): BatchSource {
  return { module: new URL(import.meta.url), data };
}
