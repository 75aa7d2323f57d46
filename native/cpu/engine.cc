#include "cpu/engine.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "cpu/floating_point.h"
#include "cpu/threads.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace tfjs_alig {
namespace {

// NOTE [when threads pay]
constexpr std::size_t kElementsPerThread = 131072;

// Chunks that a thread takes at a time: 8 * 64 KB an array, so that a thread that the system
// holds up delays the others by one such piece, not by its half of the step.
constexpr int kChunksAtATime = 8;

// NOTE [streaming stores]
constexpr std::size_t kStreamingElements = 2u << 20;

int usefulThreads(std::size_t elements) {
  const std::size_t useful = elements / kElementsPerThread;
  const int available = threadCount();
  return useful < static_cast<std::size_t>(available) ? (useful > 1 ? static_cast<int>(useful) : 1)
                                                      : available;
}

// Calls work(i) for each chunk number i < count.
template <class Work>
void forEachChunk(std::size_t count, int threads, const Work& work) {
  const auto end = static_cast<std::int64_t>(count);
#if defined(_OPENMP)
  if (threads > 1) {
#pragma omp parallel num_threads(threads)
    {
      const IeeeArithmetic ieee;
#pragma omp for schedule(dynamic, kChunksAtATime)
      for (std::int64_t i = 0; i < end; ++i) work(static_cast<std::size_t>(i));
    }
    return;
  }
#else
  static_cast<void>(threads);
#endif
  for (std::int64_t i = 0; i < end; ++i) work(static_cast<std::size_t>(i));
}

bool aligned(const float* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 64 == 0; }

float rounded(double value) { return static_cast<float>(value); }

}  // namespace

CpuStep::CpuStep(std::vector<StepTensor> tensors, float loss, const AliG::Settings& settings,
                 const L2Ball& ball)
    : tensors_(std::move(tensors)),
      list_(cutInChunks(tensors_)),
      settings_(settings),
      ball_(ball),
      kernels_(kernelsInUse()),
      threads_(usefulThreads(list_.elements)) {
  report_.loss = loss;
}

void CpuStep::refuse(StepStatus status) { report_.status = static_cast<float>(status); }

bool CpuStep::update() {
  const IeeeArithmetic ieee;
  if (!std::isfinite(report_.loss)) {
    refuse(StepStatus::kLossNotFinite);
    return false;
  }

  std::vector<double> sums(list_.gradientChunks);
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    if (chunk.gradientChunk == Chunk::kNoGradient) return;
    sums[chunk.gradientChunk] =
        kernels_.sumOfSquares(tensors_[chunk.tensor].gradient + chunk.offset, chunk.size);
  });
  const double squaredGradientNorm = sumOfChunks(sums);
  report_.gradientNorm = rounded(std::sqrt(squaredGradientNorm));
  if (!std::isfinite(squaredGradientNorm)) {
    refuse(StepStatus::kGradientNotFinite);
    return false;
  }

  const AliG::Decision decision = AliG::decide(settings_, report_.loss, squaredGradientNorm);
  report_.stepSize = rounded(decision.stepSize);
  report_.unclippedStepSize = rounded(decision.unclippedStepSize);
  report_.clipped = decision.clipped ? 1.0f : 0.0f;
  if (!decision.finite) {
    refuse(StepStatus::kStepSizeNotFinite);
    return false;
  }

  const AliG::Form form = AliG::form(settings_);
  const bool large = list_.elements >= kStreamingElements;
  sums.resize(list_.chunks.size());
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    const StepTensor& tensor = tensors_[chunk.tensor];
    if (chunk.gradientChunk == Chunk::kNoGradient) {
      sums[i] = kernels_.sumOfSquares(tensor.parameter + chunk.offset, chunk.size);
      return;
    }
    const bool streaming =
        large && tensor.newParameter != tensor.parameter && aligned(tensor.newParameter);
    const UpdateArguments arguments{
        tensor.gradient + chunk.offset,
        tensor.parameter + chunk.offset,
        tensor.newParameter + chunk.offset,
        tensor.velocity ? tensor.velocity + chunk.offset : nullptr,
        tensor.newVelocity ? tensor.newVelocity + chunk.offset : nullptr,
        chunk.size,
    };
    sums[i] = kernels_.update(form, decision.coefficients, arguments,
                              streaming ? Store::kStreaming : Store::kCached);
#if defined(__SSE2__)
    // Streaming stores are not ordered with the end of the parallel region by themselves.
    if (streaming) _mm_sfence();
#endif
  });
  finishUpdate(sums);
  return true;
}

void CpuStep::measureParameters() {
  const IeeeArithmetic ieee;
  std::vector<double> sums(list_.chunks.size());
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    sums[i] = kernels_.sumOfSquares(tensors_[chunk.tensor].parameter + chunk.offset, chunk.size);
  });
  finishUpdate(sums);
}

void CpuStep::finishUpdate(std::vector<double>& sums) {
  squaredParameterNorm_ = sumOfChunks(sums);
  report_.parameterNorm = rounded(std::sqrt(squaredParameterNorm_));
  if (!std::isfinite(squaredParameterNorm_)) {
    report_.status = static_cast<float>(StepStatus::kParameterOverflow);
  }
  projects_ = ball_.projects(squaredParameterNorm_);
  report_.projected = projects_ ? 1.0f : 0.0f;
}

void CpuStep::project() {
  const IeeeArithmetic ieee;
  const float scale = ball_.scale(squaredParameterNorm_);
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    const StepTensor& tensor = tensors_[chunk.tensor];
    const bool updated = chunk.gradientChunk != Chunk::kNoGradient;
    const float* values = updated ? tensor.newParameter : tensor.parameter;
    kernels_.scale(scale, values + chunk.offset, tensor.newParameter + chunk.offset, chunk.size);
  });
}

}  // namespace tfjs_alig
