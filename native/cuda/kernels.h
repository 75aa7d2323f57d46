// The stages of a step as CUDA kernels, one block a chunk. They give the bits of the CPU engine:
// the formulas are those of native/rules, and the lanes of a sum (NOTE [order of sums]) are spread
// over the threads so that the tree of additions is the same.
//
// NOTE [lanes and threads]
// A row of 1,024 lanes is 256 quads of four neighbouring elements, 16 bytes each. With 256 threads
// thread t holds quad t, which are lanes 4t to 4t + 3; with fewer threads it holds quads t,
// t + kBlock, t + 2 kBlock, ... The halving tree then first pairs quads of one thread, then warps
// through shared memory, then threads of a warp by shuffles, and at last the lanes of quad 0. So
// the block size does not show in the bits: the checks run 64 threads, because a race detector
// with 255 slots for threads missed two of three races at 256.
#ifndef TFJS_ALIG_CUDA_KERNELS_H_
#define TFJS_ALIG_CUDA_KERNELS_H_

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/table.h"
#include "engine/report.h"
#include "engine/sum.h"
#include "rules/alig.h"
#include "rules/l2_ball.h"

namespace tfjs_alig {

// What one stage leaves on the GPU for the next ones.
struct StepState {
  AliG::Coefficients coefficients;
  float scale;  // of the projection
  bool refused;
  bool projects;
};

constexpr int kWarpSize = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr unsigned kQuad = 4;
constexpr int kQuadsInRow = static_cast<int>(kLaneCount / kQuad);

// The lanes that one thread holds.
template <int kBlock>
struct Lanes {
  static constexpr int kQuads = kQuadsInRow / kBlock;
  static_assert(kQuads * kBlock == kQuadsInRow && kBlock >= 2 * kWarpSize,
                "the tree of additions needs two warps and whole quads");
  double of[kQuads][kQuad];
};

// Adds the lanes of all threads. Thread 0 has the sum; the others get 0.
template <int kBlock>
__device__ __forceinline__ double addLanes(Lanes<kBlock> lanes) {
#pragma unroll
  for (int half = Lanes<kBlock>::kQuads / 2; half > 0; half /= 2) {
#pragma unroll
    for (int quad = 0; quad < half; ++quad) {
#pragma unroll
      for (int i = 0; i < 4; ++i) lanes.of[quad][i] += lanes.of[quad + half][i];
    }
  }

  constexpr int kWarps = kBlock / kWarpSize;
  __shared__ double ofWarp[kWarps][kQuad][kWarpSize];
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int thread = static_cast<int>(threadIdx.x) % kWarpSize;
  if (warp > 0) {
#pragma unroll
    for (int i = 0; i < 4; ++i) ofWarp[warp][i][thread] = lanes.of[0][i];
  }
  __syncthreads();
  if (warp > 0) return 0.0;

  double sums[kQuad];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    double warps[kWarps];
    warps[0] = lanes.of[0][i];
#pragma unroll
    for (int other = 1; other < kWarps; ++other) warps[other] = ofWarp[other][i][thread];
#pragma unroll
    for (int half = kWarps / 2; half > 0; half /= 2) {
#pragma unroll
      for (int other = 0; other < half; ++other) warps[other] += warps[other + half];
    }
    sums[i] = warps[0];
  }
#pragma unroll
  for (int half = kWarpSize / 2; half > 0; half /= 2) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[i] += __shfl_down_sync(kWholeWarp, sums[i], static_cast<unsigned>(half));
    }
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// How much of a quad there is: all of it, or only the first 1 to 3 elements (an unsigned). These
// are two types because with one, nvcc merged the stores of both cases into four of 4 bytes each.
struct WholeQuad {};

// Calls work(quad, i, extent) for each quad of this thread in each row: `quad` is its number among
// those of the thread, `i` its first element.
template <int kBlock, class Work>
__device__ __forceinline__ void forEachQuad(unsigned size, const Work& work) {
  constexpr unsigned kRow = static_cast<unsigned>(kLaneCount);
  const unsigned wholeRows = size - size % kRow;
  // Two rows at a time: measuring then takes 32 registers, for 8 blocks a multiprocessor, and the
  // update 48 or less, for 5. Left to nvcc they took up to 60.
#pragma unroll 2
  for (unsigned row = 0; row < wholeRows; row += kRow) {
#pragma unroll
    for (int quad = 0; quad < Lanes<kBlock>::kQuads; ++quad) {
      work(quad, row + kQuad * (threadIdx.x + static_cast<unsigned>(quad * kBlock)), WholeQuad());
    }
  }
#pragma unroll
  for (int quad = 0; quad < Lanes<kBlock>::kQuads; ++quad) {
    const unsigned i = wholeRows + kQuad * (threadIdx.x + static_cast<unsigned>(quad * kBlock));
    if (i + kQuad <= size) {
      work(quad, i, WholeQuad());
    } else if (i < size) {
      work(quad, i, size - i);
    }
  }
}

// A pointer out of the table is generic to the compiler, which then emits LD and ST; with this
// knowledge it emits LDG and STG, in fewer instructions and registers.
template <class Element>
__device__ __forceinline__ Element* asGlobal(Element* pointer) {
  __builtin_assume(__isGlobal(pointer));
  return pointer;
}

// Whether a tensor may be read and written 16 bytes at a time. Chunks are whole rows apart, so that
// all of a tensor's chunks are aligned as it is.
__device__ __forceinline__ bool aligned(const float* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % sizeof(float4) == 0;
}

template <bool kVector>
__device__ __forceinline__ float4 loadQuad(const float* from, WholeQuad) {
  if constexpr (kVector) return *reinterpret_cast<const float4*>(from);
  return {from[0], from[1], from[2], from[3]};
}

template <bool kVector>
__device__ __forceinline__ float4 loadQuad(const float* from, unsigned count) {
  return {from[0], count > 1 ? from[1] : 0.0f, count > 2 ? from[2] : 0.0f, 0.0f};
}

// Up to sm_90 nvcc split an assignment in four stores of 4 bytes where a kernel writes to other
// arrays than it reads; __stwb would be one store, but a strong one (STG.STRONG.SM).
__device__ __forceinline__ void storeVector(float* to, const float4& quad) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};"
               :
               : "l"(__cvta_generic_to_global(to)), "f"(quad.x), "f"(quad.y), "f"(quad.z),
                 "f"(quad.w)
               : "memory");
#else
  *reinterpret_cast<float4*>(to) = quad;
#endif
}

template <bool kVector>
__device__ __forceinline__ void storeQuad(float* to, const float4& quad, WholeQuad) {
  if constexpr (kVector) {
    storeVector(to, quad);
  } else {
    to[0] = quad.x;
    to[1] = quad.y;
    to[2] = quad.z;
    to[3] = quad.w;
  }
}

template <bool kVector>
__device__ __forceinline__ void storeQuad(float* to, const float4& quad, unsigned count) {
  to[0] = quad.x;
  if (count > 1) to[1] = quad.y;
  if (count > 2) to[2] = quad.z;
}

// The product is exact in double, so that fma has the bits of a product and an addition, at half
// the work: consumer GPUs do 1 double operation for 64 of float.
__device__ __forceinline__ void addSquare(double& lane, float value) {
  const double wide = value;
  lane = std::fma(wide, wide, lane);
}

__device__ __forceinline__ void addSquares(double* lanes, const float4& quad, WholeQuad) {
  addSquare(lanes[0], quad.x);
  addSquare(lanes[1], quad.y);
  addSquare(lanes[2], quad.z);
  addSquare(lanes[3], quad.w);
}

__device__ __forceinline__ void addSquares(double* lanes, const float4& quad, unsigned count) {
  addSquare(lanes[0], quad.x);
  if (count > 1) addSquare(lanes[1], quad.y);
  if (count > 2) addSquare(lanes[2], quad.z);
}

// The chunk of this block: its tensor, and where in it.
struct ChunkPlace {
  TableEntry tensor;
  std::uint64_t offset;
  unsigned size;
};

template <std::uint64_t TableEntry::*kFirst>
__device__ __forceinline__ ChunkPlace findChunk(const TableEntry* table, std::size_t count) {
  ChunkPlace place;
  place.tensor = table[findEntry<kFirst>(table, count, blockIdx.x)];
  place.offset = (blockIdx.x - place.tensor.*kFirst) * kChunkSize;
  const std::uint64_t rest = place.tensor.size - place.offset;
  place.size = static_cast<unsigned>(rest < kChunkSize ? rest : kChunkSize);
  return place;
}

template <int kBlock, bool kVector>
__device__ __forceinline__ void measureChunk(const float* values, unsigned size,
                                             Lanes<kBlock>& lanes) {
  forEachQuad<kBlock>(size, [&](int quad, unsigned i, auto extent) {
    addSquares(lanes.of[quad], loadQuad<kVector>(values + i, extent), extent);
  });
}

// Measure: the sum of squares of each chunk of a gradient. One block a gradient chunk.
template <int kBlock>
__global__ void __launch_bounds__(kBlock)
    measureGradients(const TableEntry* table, std::size_t count, double* sums) {
  const ChunkPlace chunk = findChunk<&TableEntry::firstGradientChunk>(table, count);
  const float* gradient = asGlobal(chunk.tensor.gradient + chunk.offset);
  Lanes<kBlock> lanes = {};
  if (aligned(gradient)) {
    measureChunk<kBlock, true>(gradient, chunk.size, lanes);
  } else {
    measureChunk<kBlock, false>(gradient, chunk.size, lanes);
  }
  const double sum = addLanes<kBlock>(lanes);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__device__ __forceinline__ void addSums(double* lanes, const double* sums, WholeQuad) {
  for (int i = 0; i < 4; ++i) lanes[i] += sums[i];
}

__device__ __forceinline__ void addSums(double* lanes, const double* sums, unsigned count) {
  lanes[0] += sums[0];
  if (count > 1) lanes[1] += sums[1];
  if (count > 2) lanes[2] += sums[2];
}

// The sum of up to kChunkSize chunk sums, in thread 0.
template <int kBlock>
__device__ __forceinline__ double addChunkSums(const double* sums, unsigned size) {
  Lanes<kBlock> lanes = {};
  forEachQuad<kBlock>(
      size, [&](int quad, unsigned i, auto extent) { addSums(lanes.of[quad], sums + i, extent); });
  return addLanes<kBlock>(lanes);
}

// One pass over a list of more than kChunkSize chunk sums. One block a chunk of the list; `result`
// is not `sums`, which other blocks may still read.
template <int kBlock>
__global__ void __launch_bounds__(kBlock)
    shortenSums(const double* sums, std::uint64_t count, double* result) {
  const std::uint64_t offset = static_cast<std::uint64_t>(blockIdx.x) * kChunkSize;
  const std::uint64_t rest = count - offset;
  const double sum = addChunkSums<kBlock>(
      sums + offset, static_cast<unsigned>(rest < kChunkSize ? rest : kChunkSize));
  if (threadIdx.x == 0) result[blockIdx.x] = sum;
}

struct DecideArguments {
  const double* sums;
  unsigned count;
  bool stepWanted;    // false: there is no gradient, only the constraint is applied
  const float* loss;  // null: lossValue
  float lossValue;
  AliG::Settings settings;
};

__device__ __forceinline__ float rounded(double value) { return static_cast<float>(value); }

// As CpuStep::update up to the new parameters, with the same report.
__device__ __forceinline__ StepStatus decideStep(const DecideArguments& arguments,
                                                 double squaredGradientNorm,
                                                 AliG::Coefficients& coefficients,
                                                 StepReport& report) {
  if (!arguments.stepWanted) return StepStatus::kTaken;
  if (!std::isfinite(report.loss)) return StepStatus::kLossNotFinite;
  report.gradientNorm = rounded(std::sqrt(squaredGradientNorm));
  if (!std::isfinite(squaredGradientNorm)) return StepStatus::kGradientNotFinite;
  const AliG::Decision decision =
      AliG::decide(arguments.settings, report.loss, squaredGradientNorm);
  report.stepSize = rounded(decision.stepSize);
  report.unclippedStepSize = rounded(decision.unclippedStepSize);
  report.clipped = decision.clipped ? 1.0f : 0.0f;
  coefficients = decision.coefficients;
  return decision.finite ? StepStatus::kTaken : StepStatus::kStepSizeNotFinite;
}

// Decide, in one thread of one block: the host never waits for the norm.
template <int kBlock>
__global__ void __launch_bounds__(kBlock)
    decide(DecideArguments arguments, StepState* state, StepReport* report) {
  const double squaredGradientNorm = addChunkSums<kBlock>(arguments.sums, arguments.count);
  if (threadIdx.x != 0) return;
  StepReport newReport = {};
  newReport.loss = arguments.loss ? *arguments.loss : arguments.lossValue;
  StepState newState = {};
  const StepStatus status =
      decideStep(arguments, squaredGradientNorm, newState.coefficients, newReport);
  newState.refused = status != StepStatus::kTaken;
  newReport.status = static_cast<float>(status);
  *state = newState;
  *report = newReport;
}

template <int kBlock, AliG::Form kForm, bool kVector>
__device__ __forceinline__ void updateChunk(const AliG::Coefficients& coefficients,
                                            const ChunkPlace& chunk, Lanes<kBlock>& lanes) {
  constexpr bool kMomentum = kForm != AliG::Form::kPlain;
  const float* gradient = asGlobal(chunk.tensor.gradient + chunk.offset);
  const float* parameter = asGlobal(chunk.tensor.parameter + chunk.offset);
  float* newParameter = asGlobal(chunk.tensor.newParameter + chunk.offset);
  const float* velocity = kMomentum ? asGlobal(chunk.tensor.velocity + chunk.offset) : nullptr;
  float* newVelocity = kMomentum ? asGlobal(chunk.tensor.newVelocity + chunk.offset) : nullptr;
  forEachQuad<kBlock>(chunk.size, [&](int quad, unsigned i, auto extent) {
    const float4 g = loadQuad<kVector>(gradient + i, extent);
    float4 w = loadQuad<kVector>(parameter + i, extent);
    float4 v = {};
    if constexpr (kMomentum) v = loadQuad<kVector>(velocity + i, extent);
    AliG::update<kForm>(coefficients, g.x, w.x, v.x);
    AliG::update<kForm>(coefficients, g.y, w.y, v.y);
    AliG::update<kForm>(coefficients, g.z, w.z, v.z);
    AliG::update<kForm>(coefficients, g.w, w.w, v.w);
    if constexpr (kMomentum) storeQuad<kVector>(newVelocity + i, v, extent);
    storeQuad<kVector>(newParameter + i, w, extent);
    addSquares(lanes.of[quad], w, extent);
  });
}

// What happens to values that a step leaves as they are: copied where the new ones have a buffer of
// their own, and measured.
template <int kBlock, bool kVector>
__device__ __forceinline__ void keepChunk(const float* values, float* newValues, unsigned size,
                                          Lanes<kBlock>& lanes) {
  forEachQuad<kBlock>(size, [&](int quad, unsigned i, auto extent) {
    const float4 kept = loadQuad<kVector>(values + i, extent);
    if (newValues != values) storeQuad<kVector>(newValues + i, kept, extent);
    addSquares(lanes.of[quad], kept, extent);
  });
}

template <int kBlock>
__device__ __forceinline__ void keepChunk(const float* values, float* newValues, unsigned size,
                                          Lanes<kBlock>& lanes) {
  if (aligned(values) && aligned(newValues)) {
    keepChunk<kBlock, true>(values, newValues, size, lanes);
  } else {
    keepChunk<kBlock, false>(values, newValues, size, lanes);
  }
}

// Update: new parameters and velocities, and the sum of squares of each chunk of the new
// parameters. One block a chunk. A refused step treats each tensor as one without gradient.
template <int kBlock, AliG::Form kForm>
__global__ void __launch_bounds__(kBlock)
    updateParameters(const TableEntry* table, std::size_t count, const StepState* state,
                     double* sums) {
  const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, count);
  const TableEntry& tensor = chunk.tensor;
  const bool updates = tensor.gradient != nullptr && !state->refused;
  Lanes<kBlock> lanes = {};
  if (updates) {
    const AliG::Coefficients coefficients = state->coefficients;
    // A pointer that is null is aligned.
    if (aligned(tensor.gradient) && aligned(tensor.parameter) && aligned(tensor.newParameter) &&
        aligned(tensor.velocity) && aligned(tensor.newVelocity)) {
      updateChunk<kBlock, kForm, true>(coefficients, chunk, lanes);
    } else {
      updateChunk<kBlock, kForm, false>(coefficients, chunk, lanes);
    }
  } else {
    keepChunk<kBlock>(asGlobal(tensor.parameter + chunk.offset),
                      asGlobal(tensor.newParameter + chunk.offset), chunk.size, lanes);
  }
  const bool velocityUpdated = updates && kForm != AliG::Form::kPlain;
  if (!velocityUpdated && tensor.newVelocity != tensor.velocity) {
    Lanes<kBlock> unused = {};
    keepChunk<kBlock>(asGlobal(tensor.velocity + chunk.offset),
                      asGlobal(tensor.newVelocity + chunk.offset), chunk.size, unused);
  }
  const double sum = addLanes<kBlock>(lanes);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Decides the projection, in one thread of one block, and completes the report.
template <int kBlock>
__global__ void __launch_bounds__(kBlock)
    decideProjection(const double* sums, unsigned count, L2Ball ball, StepState* state,
                     StepReport* report) {
  const double squaredNorm = addChunkSums<kBlock>(sums, count);
  if (threadIdx.x != 0 || state->refused) return;
  report->parameterNorm = rounded(std::sqrt(squaredNorm));
  if (!std::isfinite(squaredNorm)) {
    report->status = static_cast<float>(StepStatus::kParameterOverflow);
  }
  state->projects = ball.projects(squaredNorm);
  report->projected = state->projects ? 1.0f : 0.0f;
  if (state->projects) state->scale = ball.scale(squaredNorm);
}

template <int kBlock, bool kVector>
__device__ __forceinline__ void scaleChunk(float* values, float scale, unsigned size) {
  forEachQuad<kBlock>(size, [&](int, unsigned i, auto extent) {
    float4 w = loadQuad<kVector>(values + i, extent);
    w.x *= scale;
    w.y *= scale;
    w.z *= scale;
    w.w *= scale;
    storeQuad<kVector>(values + i, w, extent);
  });
}

// Constrain: scales the new parameters where decideProjection found it needed, else reads 1 byte.
template <int kBlock>
__global__ void __launch_bounds__(kBlock)
    projectParameters(const TableEntry* table, std::size_t count, const StepState* state) {
  if (!state->projects) return;
  const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, count);
  float* parameter = asGlobal(chunk.tensor.newParameter + chunk.offset);
  if (aligned(parameter)) {
    scaleChunk<kBlock, true>(parameter, state->scale, chunk.size);
  } else {
    scaleChunk<kBlock, false>(parameter, state->scale, chunk.size);
  }
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_KERNELS_H_
