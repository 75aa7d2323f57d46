// CUDA kernels that are the same for every rule.
#ifndef TFJS_ALIG_CUDA_KERNELS_H_
#define TFJS_ALIG_CUDA_KERNELS_H_

#include "cuda/block.h"
#include "cuda/rule_kernels.h"

namespace tfjs_alig {

// Constrain: scales the new parameters where that was found to be needed, else reads 1 byte. One
// block a chunk.
static __global__ void __launch_bounds__(kBlock)
    projectParameters(TableOnGpu table, const StepState* state) {
  if (!state->projects) return;
  const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, blockIdx.x);
  float* parameter = asGlobal(chunk.tensor->newParameter) + chunk.offset;
  const float scale = state->scale;
  rewriteQuads(parameter, parameter, chunk.size, [&](int, Quad& w, auto) {
#pragma unroll
    for (float& value : w.of) value *= scale;
  });
}

// One block a chunk.
static __global__ void __launch_bounds__(kBlock)
    divideElements(float* values, std::size_t count, float divisor) {
  const std::size_t offset = std::size_t{blockIdx.x} * kChunkSize;
  float* const chunk = asGlobal(values) + offset;
  const std::size_t left = count - offset;
  const auto size = static_cast<unsigned>(left < kChunkSize ? left : kChunkSize);
  rewriteQuads(chunk, chunk, size, [&](int, Quad& quad, auto) {
#pragma unroll
    for (float& value : quad.of) value /= divisor;
  });
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_KERNELS_H_
