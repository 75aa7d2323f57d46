/**
 * The order of every sum, in TypeScript; native/engine/sum.h says the same in C++ and explains it
 * (NOTE [order of sums]).
 */
export const CHUNK_SIZE = 16384;
export const LANE_COUNT = 1024;

const lanes = new Float64Array(LANE_COUNT);

/** Adds the lanes that elements have reached pairwise, halving. */
function addLanes(reached: number): number {
  if (reached === 0) return 0;
  for (let half = LANE_COUNT / 2; half >= 1; half /= 2) {
    if (reached <= half) continue;
    for (let lane = 0; lane + half < reached; lane++) lanes[lane]! += lanes[lane + half]!;
    reached = half;
  }
  return lanes[0]!;
}

/** Sum of squares of the elements from `start` to `end` (exclusive), at most one chunk. */
export function sumOfSquares(values: Float32Array, start: number, end: number): number {
  const reached = Math.min(end - start, LANE_COUNT);
  lanes.fill(0, 0, reached);
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    lanes[(i - start) % LANE_COUNT]! += value * value;
  }
  return addLanes(reached);
}

/** The sum of a list of chunk sums. */
export function sumOfChunks(chunkSums: readonly number[]): number {
  let sums = chunkSums;
  if (sums.length === 0) return 0;
  do {
    const next: number[] = [];
    for (let start = 0; start < sums.length; start += CHUNK_SIZE) {
      const end = Math.min(start + CHUNK_SIZE, sums.length);
      const reached = Math.min(end - start, LANE_COUNT);
      lanes.fill(0, 0, reached);
      for (let i = start; i < end; i++) lanes[(i - start) % LANE_COUNT]! += sums[i]!;
      next.push(addLanes(reached));
    }
    sums = next;
  } while (sums.length > 1);
  return sums[0]!;
}
