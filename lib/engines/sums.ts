/**
 * The order of every sum, in TypeScript; native/engine/sum.h says the same in C++ and explains it
 * (NOTE [order of sums]).
 */
export const CHUNK_SIZE = 16384;
export const LANE_COUNT = 1024;

/** The sum of one chunk, in its lanes. */
export class ChunkSum {
  private readonly lanes = new Float64Array(LANE_COUNT);
  private reached = 0;

  /** Adds the term of the chunk's element i; elements come in order. */
  add(i: number, term: number): void {
    const lane = i % LANE_COUNT;
    this.lanes[lane]! += term;
    if (i === this.reached && i < LANE_COUNT) this.reached = i + 1;
  }

  /** The sum; the next chunk begins. The lanes that were reached are added pairwise, halving. */
  take(): number {
    const { lanes } = this;
    const all = this.reached;
    if (all === 0) return 0;
    let { reached } = this;
    for (let half = LANE_COUNT / 2; half >= 1; half /= 2) {
      if (reached <= half) continue;
      for (let lane = 0; lane + half < reached; lane++) lanes[lane]! += lanes[lane + half]!;
      reached = half;
    }
    const sum = lanes[0]!;
    lanes.fill(0, 0, all);
    this.reached = 0;
    return sum;
  }
}

const chunkSum = new ChunkSum();

/** Sum of squares of the elements from `start` to `end` (exclusive), at most one chunk. */
export function sumOfSquares(values: Float32Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    chunkSum.add(i - start, value * value);
  }
  return chunkSum.take();
}

/** The sum of a list of chunk sums. */
export function sumOfChunks(chunkSums: readonly number[]): number {
  let sums = chunkSums;
  if (sums.length === 0) return 0;
  do {
    const next: number[] = [];
    for (let start = 0; start < sums.length; start += CHUNK_SIZE) {
      const end = Math.min(start + CHUNK_SIZE, sums.length);
      for (let i = start; i < end; i++) chunkSum.add(i - start, sums[i]!);
      next.push(chunkSum.take());
    }
    sums = next;
  } while (sums.length > 1);
  return sums[0]!;
}
