#include "cpu/engine.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "cpu/floating_point.h"
#include "cpu/thread_pool.h"
#include "cpu/threads.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace tfjs_alig {
namespace {

// NOTE [when threads pay]
// Least elements that a thread is started for. Steps in place, one after the other, on 2 idle cores
// (us, median, with 1 and 2 threads): 131,072 elements 67 and 51, 262,144 156 and 90, 524,288 334
// and 186, 1,048,576 717 and 370. A helper that has slept takes some tens of microseconds to wake,
// and one that loses its core to another process within a piece holds the step up for that
// process's slice, 4 ms: the second thread has to save more than that wake-up.
constexpr std::size_t kElementsPerThread = 262144;

// Chunks in a piece, which a thread takes at a time: 4 * 64 KB an array, some 30 us. On 2 threads
// 1, 4 and 8, and halves fixed beforehand, took the same time within 6 % from 262,144 to 2 million
// elements; a larger piece is a longer wait for the thread that comes last, a smaller one more
// threads at one counter.
constexpr std::size_t kChunksAtATime = 4;

// NOTE [where arrays are]
// From how many elements on a step takes its arrays for being beyond the caches. It then fetches
// ahead and goes over two rows at a time: ALI-G with momentum in place, 2 threads, 2 million
// elements 0.67 ms without and 0.68 with, 4 million 1.29 and 1.35, 8 million 2.84 and 2.66, 25.6
// million 10.9 and 8.4. And new parameters go past the caches. A cached store to a buffer that was
// not read fetches its line first, but leaves it where the next forward pass finds it. Through the
// TensorFlow op, one thread (ms, lower quartile, cached and streaming stores): 1 million elements
// 0.95 and 1.07, 2 million 1.9 and 2.1, 4 million 4.5 and 4.0, 8 million 12.1 and 7.6, 25.6 million
// 61 and 40. With a pass that reads the new parameters after each step: 4 million 6.6 and 8.1, 8
// million 12.9 and 10.6. Velocities are written in place, where streaming only loses.
// `npm run bench -- --shapes 1x4000000,1x8000000` shows the step on either side of it.
constexpr std::size_t kFarElements = 6u << 20;

// NOTE [direction of passes]
// All passes go from the first chunk to the last. Where update went from the last one to the first,
// so that it met what measure had left in the cache, a step in place took 1.02 to 1.06 of the time
// (4 to 25.6 million elements, with and without projection; 2 threads, AMD EPYC, 32 MB of L3,
// quartiles of 30 to 150 steps of each in turns), and 1.00 to 1.02 where measure went backward:
// within a chunk and from one to the next the processor fetches ahead only forward. On a GPU update
// goes backward.
//
// Calls work(i) for each chunk number i < count.
template <class Work>
void forEachChunk(std::size_t count, int threads, const Work& work) {
  if (threads <= 1) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  const std::size_t pieces = (count + kChunksAtATime - 1) / kChunksAtATime;
  ThreadPool::instance().run(pieces, threads, [&](std::size_t piece) {
    const IeeeArithmetic ieee;
    const std::size_t end = std::min(count, (piece + 1) * kChunksAtATime);
    for (std::size_t i = piece * kChunksAtATime; i < end; ++i) work(i);
  });
}

bool aligned(const float* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 64 == 0; }

}  // namespace

int usefulThreads(std::size_t elements) {
  const std::size_t useful = elements / kElementsPerThread;
  const int available = threadCount();
  return useful < static_cast<std::size_t>(available) ? (useful > 1 ? static_cast<int>(useful) : 1)
                                                      : available;
}

CpuStep::CpuStep(std::vector<StepTensor> tensors, float loss, const StepInput& input,
                 OtherChunks* others)
    : tensors_(std::move(tensors)),
      list_(cutInChunks(tensors_)),
      input_(input),
      others_(others),
      loss_(loss),
      kernels_(kernelsInUse()),
      ruleKernels_(kernels_.rules[input.header.rule]),
      threads_(usefulThreads(list_.elements)) {
  for (const StepTensor& tensor : tensors_) {
    if (tensor.group >= static_cast<std::uint32_t>(input.groupCount())) {
      throw std::invalid_argument("a tensor is of group " + std::to_string(tensor.group) +
                                  ", but there are " + std::to_string(input.groupCount()));
    }
  }
  result_.report.loss = loss;
  result_.scalars = input.header.scalars;
}

ChunkArguments CpuStep::argumentsOf(const Chunk& chunk) const {
  const StepTensor& tensor = tensors_[chunk.tensor];
  ChunkArguments arguments = {};
  arguments.gradient = tensor.gradient + chunk.offset;
  arguments.parameter = tensor.parameter + chunk.offset;
  arguments.newParameter = tensor.newParameter + chunk.offset;
  for (int k = 0; k < input_.rule->states; ++k) {
    arguments.state[k] = tensor.state[k] + chunk.offset;
    arguments.newState[k] = tensor.newState[k] + chunk.offset;
  }
  arguments.size = chunk.size;
  arguments.maxGradientValue = input_.header.maxGradientValue;
  return arguments;
}

// The sums over all gradients: each chunk's, times its group's factors.
void CpuStep::measure(const ErasedStep& step, double* sums) {
  const RuleFunctions& rule = *input_.rule;
  const auto groups = static_cast<std::size_t>(step.groupCount);
  const auto sumCount = static_cast<std::size_t>(rule.sums);
  std::vector<unsigned char> measuring(groups * rule.measuringBytes);
  std::vector<double> factors(groups * sumCount);
  for (std::size_t group = 0; group < groups; ++group) {
    rule.prepare(step, static_cast<int>(group), measuring.data() + group * rule.measuringBytes,
                 factors.data() + group * sumCount);
  }

  std::vector<double> ofChunks[kMostSums];
  for (std::size_t k = 0; k < sumCount; ++k) ofChunks[k].resize(list_.gradientChunks);
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    if (chunk.gradientChunk == Chunk::kNoGradient) return;
    const StepTensor& tensor = tensors_[chunk.tensor];
    double own[kMostSums];
    if (ruleKernels_.measure) {
      ruleKernels_.measure(measuring.data() + tensor.group * rule.measuringBytes,
                           argumentsOf(chunk), own);
    } else {
      own[0] = kernels_.sumOfGradientSquares(tensor.gradient + chunk.offset, chunk.size,
                                             input_.header.maxGradientValue);
    }
    for (std::size_t k = 0; k < sumCount; ++k) {
      ofChunks[k][chunk.gradientChunk] = factors[tensor.group * sumCount + k] * own[k];
    }
  });
  for (std::size_t k = 0; k < sumCount; ++k) sums[k] = sumOf(ofChunks[k], true);
}

double CpuStep::sumOf(std::vector<double>& ofChunks, bool ofGradients) {
  return sumOfChunks(others_ ? others_->with(ofChunks, ofGradients) : ofChunks);
}

bool CpuStep::decide() {
  const IeeeArithmetic ieee;
  const RuleFunctions& rule = *input_.rule;
  const ErasedStep step = {input_.settings, input_.groups, input_.groupCount(), loss_,
                           input_.header.stepNumber};
  double measured[kMostSums];
  measure(step, measured);
  coefficients_.resize(static_cast<std::size_t>(step.groupCount) * rule.coefficientsBytes);
  chunkSums_.resize(list_.chunks.size());
  const StepStatus status = rule.decide(step, measured, coefficients_.data(), result_);
  result_.report.status = static_cast<float>(status);
  return status == StepStatus::kTaken;
}

void CpuStep::update() {
  const IeeeArithmetic ieee;
  const RuleFunctions& rule = *input_.rule;
  const bool far = list_.elements >= kFarElements;
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    const StepTensor& tensor = tensors_[chunk.tensor];
    if (chunk.gradientChunk == Chunk::kNoGradient) {
      chunkSums_[i] = kernels_.sumOfSquares(tensor.parameter + chunk.offset, chunk.size);
      return;
    }
    const bool streaming =
        far && tensor.newParameter != tensor.parameter && aligned(tensor.newParameter);
    chunkSums_[i] = ruleKernels_.update(
        coefficients_.data() + tensor.group * rule.coefficientsBytes, argumentsOf(chunk),
        streaming ? Place::kFarStreaming
        : far     ? Place::kFar
                  : Place::kNear);
#if defined(__SSE2__)
    // Streaming stores are not ordered with the end of the loop by themselves.
    if (streaming) _mm_sfence();
#endif
  });
  finishUpdate();
}

void CpuStep::measureParameters() {
  const IeeeArithmetic ieee;
  chunkSums_.resize(list_.chunks.size());
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    chunkSums_[i] =
        kernels_.sumOfSquares(tensors_[chunk.tensor].parameter + chunk.offset, chunk.size);
  });
  finishUpdate();
}

void CpuStep::finishUpdate() {
  squaredParameterNorm_ = sumOf(chunkSums_, false);
  projects_ = decideProjection(input_.header.ball, squaredParameterNorm_, result_.report);
}

void CpuStep::project() {
  const IeeeArithmetic ieee;
  const float scale = input_.header.ball.scale(squaredParameterNorm_);
  forEachChunk(list_.chunks.size(), threads_, [&](std::size_t i) {
    const Chunk& chunk = list_.chunks[i];
    const StepTensor& tensor = tensors_[chunk.tensor];
    const bool updated = chunk.gradientChunk != Chunk::kNoGradient;
    const float* values = updated ? tensor.newParameter : tensor.parameter;
    kernels_.scale(scale, values + chunk.offset, tensor.newParameter + chunk.offset, chunk.size);
  });
}

}  // namespace tfjs_alig
