// The tensors of a step, and the chunks that they are cut in.
#ifndef TFJS_ALIG_ENGINE_TENSORS_H_
#define TFJS_ALIG_ENGINE_TENSORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/sum.h"
#include "rules/rule.h"

namespace tfjs_alig {

// One parameter tensor with what belongs to it. New values may have the address of the old ones
// (in place) or a buffer of their own; nothing else may overlap.
struct StepTensor {
  std::size_t size;
  const float* gradient;  // null: no gradient in this step
  const float* parameter;
  float* newParameter;              // may be null where there is no gradient and no projection
  const float* state[kMostStates];  // the rule's kStates arrays (velocity, moments, ...), then null
  float* newState[kMostStates];
  std::uint32_t group;  // whose settings it has
};

struct Chunk {
  static constexpr std::size_t kNoGradient = SIZE_MAX;
  std::uint32_t tensor;
  std::size_t offset;
  std::size_t size;
  std::size_t gradientChunk;  // its number among the chunks that have gradients, or kNoGradient
};

struct ChunkList {
  std::vector<Chunk> chunks;
  std::size_t gradientChunks = 0;
  std::size_t elements = 0;
};

inline ChunkList cutInChunks(const std::vector<StepTensor>& tensors) {
  ChunkList list;
  std::size_t count = 0;
  for (const StepTensor& tensor : tensors) count += (tensor.size + kChunkSize - 1) / kChunkSize;
  list.chunks.reserve(count);
  for (std::size_t index = 0; index < tensors.size(); ++index) {
    const StepTensor& tensor = tensors[index];
    list.elements += tensor.size;
    for (std::size_t offset = 0; offset < tensor.size; offset += kChunkSize) {
      const std::size_t rest = tensor.size - offset;
      list.chunks.push_back({static_cast<std::uint32_t>(index), offset,
                             rest < kChunkSize ? rest : kChunkSize,
                             tensor.gradient ? list.gradientChunks++ : Chunk::kNoGradient});
    }
  }
  return list;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_TENSORS_H_
