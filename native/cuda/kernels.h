// The stages of a step that are the same for every rule, as CUDA kernels.
#ifndef TFJS_ALIG_CUDA_KERNELS_H_
#define TFJS_ALIG_CUDA_KERNELS_H_

#include "cuda/block.h"
#include "cuda/rule_kernels.h"
#include "engine/decide.h"
#include "rules/l2_ball.h"

namespace tfjs_alig {

// Measure, where |g|^2 is all: the sum of squares of each chunk of a gradient. One block a gradient
// chunk.
static __global__ void __launch_bounds__(kBlock)
    measureGradients(const TableEntry* table, std::size_t count, float maxGradientValue,
                     double* sums) {
  const ChunkPlace chunk = findChunk<&TableEntry::firstGradientChunk>(table, count);
  const float* gradient = asGlobal(chunk.tensor->gradient) + chunk.offset;
  Lanes lanes = {};
  forEachQuad<kRowsOfOneArray>(
      chunk.size, isAligned(gradient), [&](int quad, unsigned i, auto extent) {
        addSquares(lanes.of[quad], loadGradient(gradient + i, maxGradientValue, extent), extent);
      });
  const double sum = addLanes(lanes);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// One pass over lists of more than kChunkSize chunk sums: one block a chunk of a list, and in y the
// lists, `count` apart. `result` is not `sums`, which other blocks may still read.
static __global__ void __launch_bounds__(kBlock)
    shortenSums(const double* sums, std::uint64_t count, double* result) {
  const std::uint64_t offset = std::uint64_t{blockIdx.x} * kChunkSize;
  const std::uint64_t rest = count - offset;
  const double sum = addChunkSums(sums + blockIdx.y * count + offset,
                                  static_cast<unsigned>(rest < kChunkSize ? rest : kChunkSize));
  if (threadIdx.x == 0) result[std::size_t{blockIdx.y} * gridDim.x + blockIdx.x] = sum;
}

// Decides the projection, in one thread of one block, and completes the report.
static __global__ void __launch_bounds__(kBlock)
    completeReport(const double* sums, unsigned count, L2Ball ball, StepState* state,
                   StepResult* result) {
  const double squaredNorm = addChunkSums(sums, count);
  if (threadIdx.x != 0 || state->refused) return;
  state->projects = decideProjection(ball, squaredNorm, result->report);
  if (state->projects) state->scale = ball.scale(squaredNorm);
}

// Constrain: scales the new parameters where completeReport found it needed, else reads 1 byte.
static __global__ void __launch_bounds__(kBlock)
    projectParameters(const TableEntry* table, std::size_t count, const StepState* state) {
  if (!state->projects) return;
  const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, count);
  float* parameter = asGlobal(chunk.tensor->newParameter) + chunk.offset;
  const float scale = state->scale;
  forEachQuad<kRowsOfOneArray>(chunk.size, isAligned(parameter), [&](int, unsigned i, auto extent) {
    Quad w = loadQuad(parameter + i, extent);
#pragma unroll
    for (float& value : w.of) value *= scale;
    storeQuad(parameter + i, w, extent);
  });
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_KERNELS_H_
