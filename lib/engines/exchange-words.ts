import type { ExchangeTerms } from '../mpi/communicator.js';
import type { StepShards } from './engine.js';

/** The terms as native/mpi/exchange_terms.h reads them: ranks, whether fast, the bits of the seconds. */
export function packTerms({ ranks, fast, seconds }: ExchangeTerms): Int32Array {
  const words = new Int32Array(4);
  words.set([ranks, Number(fast)]);
  new Float64Array(words.buffer, 8)[0] = seconds;
  return words;
}

/** Those of a step that a process makes alone. */
export const noShards: Int32Array = new Int32Array(0);

/** As native/mpi/rank_shards.h reads it: the terms, this rank, who has the first shard of each variable. */
export function packShards(terms: ExchangeTerms, { exchange, firsts }: StepShards): Int32Array {
  return Int32Array.of(...packTerms(terms), exchange.rank, ...firsts);
}
