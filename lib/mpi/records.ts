/** The records that the ranks exchange before they do anything together. */

/**
 * What a rank is about to do. The first ends it, which native/mpi/library.h looks for; the others are
 * named in errors.
 */
export const kinds = [
  'has ended',
  'has failed in its step',
  'makes a step',
  'starts',
  'calls barrier()',
  'calls broadcast()',
  'calls sum()',
  'broadcasts its parameters',
  'tells what it has',
  'gathers the shards of its state',
] as const;

export type RecordKind = (typeof kinds)[number];

export interface RankRecord {
  readonly kind: RecordKind;
  /** The number of a step or of elements. */
  readonly number: number;
  readonly loss: number;
  /** SHA-256 of what has to be the same on all ranks; zeros for nothing. */
  readonly digest: Uint8Array;
  /** Shortened, where it is longer than a record. */
  readonly text: string;
  /** The length of the whole text, in bytes. */
  readonly textBytes: number;
}

export const RECORD_BYTES = 512;
const NUMBER_AT = 8;
const LOSS_AT = 16;
const DIGEST_AT = 24;
const DIGEST_BYTES = 32;
const TEXT_AT = DIGEST_AT + DIGEST_BYTES;

/** How long a text may be that a record has whole, in bytes. */
export const MOST_TEXT_BYTES = RECORD_BYTES - TEXT_AT;

export function packRecord(
  kind: RecordKind,
  { number = 0, loss = 0, digest, text = '' }: Partial<Omit<RankRecord, 'kind' | 'textBytes'>>,
): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const view = new DataView(record.buffer);
  const bytes = new TextEncoder().encode(text);
  view.setInt32(0, kinds.indexOf(kind), true);
  view.setInt32(4, bytes.length, true);
  view.setFloat64(NUMBER_AT, number, true);
  view.setFloat64(LOSS_AT, loss, true);
  if (digest) record.set(digest, DIGEST_AT);
  record.set(bytes.subarray(0, MOST_TEXT_BYTES), TEXT_AT);
  return record;
}

/** Takes apart the records of all ranks. */
export function unpackRecords(bytes: Uint8Array): RankRecord[] {
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, rank) => {
    const record = bytes.subarray(rank * RECORD_BYTES, (rank + 1) * RECORD_BYTES);
    const view = new DataView(record.buffer, record.byteOffset, RECORD_BYTES);
    const textBytes = view.getInt32(4, true);
    const text = record.subarray(TEXT_AT, TEXT_AT + Math.min(textBytes, MOST_TEXT_BYTES));
    return {
      kind: kinds[view.getInt32(0, true)]!,
      number: view.getFloat64(NUMBER_AT, true),
      loss: view.getFloat64(LOSS_AT, true),
      digest: record.slice(DIGEST_AT, TEXT_AT),
      text: new TextDecoder().decode(text),
      textBytes,
    };
  });
}
