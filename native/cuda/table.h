// The list of a step's tensors as the GPU sees it: one entry a tensor and not one a chunk, so that
// what is uploaded in each step stays small (96 bytes a tensor; a billion parameters have 61,036
// chunks). A block finds its tensor by a binary search for its chunk's number.
#ifndef TFJS_ALIG_CUDA_TABLE_H_
#define TFJS_ALIG_CUDA_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "engine/sum.h"
#include "rules/rule.h"

namespace tfjs_alig {

// A tensor that has elements; empty ones have no chunk and no entry.
struct alignas(32) TableEntry {
  std::uint64_t size;
  const float* gradient;  // null: no gradient in this step
  const float* parameter;
  float* newParameter;              // never null: `parameter` itself where nothing can change it
  const float* state[kMostStates];  // null, as newState: nothing to do for it
  float* newState[kMostStates];
  std::uint32_t firstChunk;          // its number among all chunks
  std::uint32_t firstGradientChunk;  // its number among the chunks of tensors with gradients
  std::uint32_t group;
};
static_assert(sizeof(TableEntry) == 96, "an entry is three 32-byte sectors of GPU memory");

struct TableOnGpu {
  const TableEntry* entries;
  std::size_t count;
};

// The sums of the chunks of a pass, one list after the other, and room for the sums of their parts.
struct ChunkSums {
  double* ofChunks;
  unsigned chunks;
  double* ofParts;

  TFJS_ALIG_FORMULA double* ofList(unsigned list) const {
    return ofChunks + static_cast<std::size_t>(list) * chunks;
  }
};

inline std::uint64_t chunksOf(std::uint64_t size) { return (size + kChunkSize - 1) / kChunkSize; }

// The last entry whose first chunk, by either numbering, is not after `chunk`. An entry without
// chunks of that numbering shares its number with the entry after it, which is the one found.
template <std::uint32_t TableEntry::*kFirst>
TFJS_ALIG_FORMULA std::size_t findEntry(const TableEntry* table, std::size_t count,
                                        std::uint32_t chunk) {
  std::size_t low = 0;
  std::size_t high = count;
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    if (table[middle].*kFirst <= chunk) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_TABLE_H_
