/** Cases of sizes: the borders of lanes and chunks, empty tensors, many tensors and large ones. */
import { CHUNK_SIZE, LANE_COUNT } from '../../lib/engines/sums.js';
import { aliGCase, type StepCase } from './step-case.js';

const lanes = [LANE_COUNT - 1, LANE_COUNT, LANE_COUNT + 1, 4 * LANE_COUNT - 1, 4 * LANE_COUNT + 1];
const chunks = [CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 5 * CHUNK_SIZE - 7];

/** Two in three have elements, and so a chunk: 16,500 of 24,750. */
export const moreChunksThanAChunkHasElements = Array.from({ length: 24_750 }, (_, i) => i % 3);

export const shapes: readonly StepCase[] = [
  { title: 'no tensor', sizes: [] },
  { title: 'one element', sizes: [1] },
  { title: 'an empty tensor alone', sizes: [0] },
  { title: 'an empty tensor first', sizes: [0, 5, 33] },
  { title: 'an empty tensor in the middle', sizes: [5, 0, 33] },
  { title: 'an empty tensor last', sizes: [5, 33, 0] },
  ...lanes.map((size) => ({ title: `${size} elements (lanes)`, sizes: [size] })),
  ...chunks.map((size) => ({ title: `${size} elements (chunks)`, sizes: [size] })),
  { title: 'all border sizes together', sizes: [0, ...lanes, 1, ...chunks, 17] },
  { title: 'quarters of a vector', sizes: [1, 2, 3, 4, 5, 6, 7, 8, 1021, 1022, 1023, 1026] },
  { title: '1,000 tensors', sizes: Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1500) },
  {
    title: 'more chunks than a chunk has elements',
    sizes: moreChunksThanAChunkHasElements,
    settings: { maxNorm: 3 },
    steps: 1,
  },
  { title: 'three millions of elements', sizes: [600_000, 3, 900_001, 1_300_007], steps: 2 },
  { title: 'one tensor of 30 million', sizes: [30_000_000], steps: 1, forThreads: true },
].map(aliGCase);
