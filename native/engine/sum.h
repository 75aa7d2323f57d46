// NOTE [order of sums]
// A sum has the same bits on every engine, because its order is part of the contract: elements go
// in chunks of kChunkSize; in a chunk, element i goes to lane i mod kLaneCount and each lane adds
// its elements in order; lanes are then added pairwise, halving; the list of chunk sums is summed
// by the same scheme, again until one is left. Chunks are numbered through all tensors in order, so
// that the order depends on the shapes alone: not on threads, alignment or instruction set.
// Lanes are double; the products of two float32 are exact in double, so that a fused multiply-add
// gives the same bits as a product and an addition. docs/numeric-contract.md says more.
#ifndef TFJS_ALIG_ENGINE_SUM_H_
#define TFJS_ALIG_ENGINE_SUM_H_

#include <cstddef>
#include <vector>

#include "rules/formula.h"

namespace tfjs_alig {

constexpr std::size_t kChunkSize = 16384;
constexpr std::size_t kLaneCount = 1024;  // a power of two; 256 CUDA threads of one float4 each

// Adds the lanes that elements have reached (min(elements, kLaneCount) of them) pairwise, halving.
TFJS_ALIG_FORMULA double addLanes(double* lanes, std::size_t reached) {
  if (reached == 0) return 0.0;
  for (std::size_t half = kLaneCount / 2; half > 0; half /= 2) {
    if (reached <= half) continue;
    for (std::size_t lane = 0; lane + half < reached; ++lane) lanes[lane] += lanes[lane + half];
    reached = half;
  }
  return lanes[0];
}

// The sum of a list of chunk sums, which it overwrites.
inline double sumOfChunks(std::vector<double>& sums) {
  std::size_t count = sums.size();
  if (count == 0) return 0.0;
  // Not a vector: malloc tidies up its small blocks for one of 8 KB, 40 us a step of 160 tensors.
  double lanes[kLaneCount];
  do {
    std::size_t chunks = 0;
    for (std::size_t start = 0; start < count; start += kChunkSize, ++chunks) {
      const std::size_t size = count - start < kChunkSize ? count - start : kChunkSize;
      const std::size_t reached = size < kLaneCount ? size : kLaneCount;
      // Added to 0, as every lane is: a sum of products may be -0.
      for (std::size_t lane = 0; lane < reached; ++lane) lanes[lane] = 0.0 + sums[start + lane];
      for (std::size_t i = kLaneCount; i < size; ++i) lanes[i % kLaneCount] += sums[start + i];
      sums[chunks] = addLanes(lanes, reached);
    }
    count = chunks;
  } while (count > 1);
  return sums[0];
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_SUM_H_
