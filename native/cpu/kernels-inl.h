// The one source of the CPU kernels. Included by a file per instruction set, which defines
// TFJS_ALIG_KERNELS (the name of the table) and TFJS_ALIG_INSTRUCTION_SET; that file is compiled
// with the flags of its set. Everything here has internal linkage: two versions of one inline
// function must not be merged by the linker.

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "cpu/kernels.h"
#include "engine/sum.h"
#include "rules/all.h"
#include "rules/clip.h"

// The arrays of a loop may be the same (in place) but never overlap otherwise, so that its elements
// are independent.
#if defined(__clang__)
#define TFJS_ALIG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TFJS_ALIG_INDEPENDENT _Pragma("GCC ivdep")
#else
#define TFJS_ALIG_INDEPENDENT
#endif

#if defined(__GNUC__)
#define TFJS_ALIG_FETCH(address, writes) __builtin_prefetch(address, writes)
#else
#define TFJS_ALIG_FETCH(address, writes)
#endif

namespace tfjs_alig {
namespace {

constexpr std::size_t kRow = kLaneCount;

TFJS_ALIG_FORMULA double squareOf(float value) {
  const double wide = value;
  return wide * wide;
}

// Elements that a loop takes at a time, so that what it leaves for the next one is in the nearest
// cache.
constexpr std::size_t kBlock = 64;

enum class Fetch { kRead, kWrite };

template <Fetch kFetch>
void fetchBlock(const float* values) {
  constexpr std::size_t kLine = 64 / sizeof(float);
  for (std::size_t i = 0; i < kBlock; i += kLine) {
    TFJS_ALIG_FETCH(values + i, kFetch == Fetch::kWrite);
  }
}

// Calls work(begin, size) for blocks that cover the elements of a row.
template <class Work>
void forEachBlock(std::size_t count, const Work& work) {
  std::size_t begin = 0;
  for (; begin + kBlock <= count; begin += kBlock) work(begin, kBlock);
  if (begin < count) work(begin, count - begin);
}

// The sum of the squares that `square` makes of values.
template <class Square>
double sumOf(const Square& square, const float* values, std::size_t size) {
  alignas(64) double lanes[kLaneCount];
  const std::size_t reached = size < kRow ? size : kRow;
  std::size_t start = 0;
  // Four rows at a time keep a lane in its register for four additions: 0.09 instead of 0.13 ns an
  // element in cache (AVX-512). The order of additions in a lane stays that of the rows.
  if (size >= 4 * kRow) {
    for (std::size_t lane = 0; lane < kRow; ++lane) {
      lanes[lane] =
          ((square(values[lane]) + square(values[lane + kRow])) + square(values[lane + 2 * kRow])) +
          square(values[lane + 3 * kRow]);
    }
    start = 4 * kRow;
  } else {
    for (std::size_t lane = 0; lane < reached; ++lane) lanes[lane] = square(values[lane]);
    start = reached;
  }
  for (; start + 4 * kRow <= size; start += 4 * kRow) {
    const float* row = values + start;
    for (std::size_t block = 0; block < kRow; block += kBlock) {
      for (std::size_t next = 4; next < 8; ++next) {
        fetchBlock<Fetch::kRead>(row + next * kRow + block);
      }
      for (std::size_t lane = block; lane < block + kBlock; ++lane) {
        lanes[lane] = (((lanes[lane] + square(row[lane])) + square(row[lane + kRow])) +
                       square(row[lane + 2 * kRow])) +
                      square(row[lane + 3 * kRow]);
      }
    }
  }
  while (start < size) {
    const std::size_t count = size - start < kRow ? size - start : kRow;
    const float* row = values + start;
    for (std::size_t lane = 0; lane < count; ++lane) lanes[lane] += square(row[lane]);
    start += count;
  }
  return addLanes(lanes, reached);
}

double sumOfSquares(const float* values, std::size_t size) {
  return sumOf([](float value) { return squareOf(value); }, values, size);
}

double sumOfGradientSquares(const float* gradient, std::size_t size, float maxGradientValue) {
  if (!std::isfinite(maxGradientValue)) return sumOfSquares(gradient, size);
  const auto square = [=](float value) { return squareOf(clipped(value, maxGradientValue)); };
  return sumOf(square, gradient, size);
}

// Copies past the caches; target is aligned to 64 bytes.
void streamRow(float* target, const float* source, std::size_t size) {
  std::size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= size; i += 16) _mm512_stream_ps(target + i, _mm512_load_ps(source + i));
#elif defined(__AVX__)
  for (; i + 8 <= size; i += 8) _mm256_stream_ps(target + i, _mm256_load_ps(source + i));
#elif defined(__SSE2__)
  for (; i + 4 <= size; i += 4) _mm_stream_ps(target + i, _mm_load_ps(source + i));
#endif
  if (i < size) std::memcpy(target + i, source + i, (size - i) * sizeof(float));
}

// A rule's arrays of state, at the start of a row.
template <class Rule, class Element>
struct StateRow {
  Element* of[Rule::kStates > 0 ? Rule::kStates : 1];

  StateRow(Element* const* arrays, std::size_t start) : of() {
    for (int k = 0; k < Rule::kStates; ++k) of[k] = arrays[k] + start;
  }
};

// Each element's terms are made and added to its lanes in one loop, which the compiler vectorises:
// elements of a row are in lanes of their own.
template <class Rule>
void measureChunk(const void* measuring, const ChunkArguments& chunk, double* sums) {
  constexpr int kTerms = Rule::kSums - 1;
  alignas(64) double lanes[kTerms][kLaneCount];
  const auto local = *static_cast<const typename Rule::Measuring*>(measuring);
  const float most = chunk.maxGradientValue;
  sums[0] = sumOfGradientSquares(chunk.gradient, chunk.size, most);
  const std::size_t reached = chunk.size < kRow ? chunk.size : kRow;
  for (auto& list : lanes) {
    for (std::size_t lane = 0; lane < reached; ++lane) list[lane] = 0.0;
  }
  for (std::size_t start = 0; start < chunk.size; start += kRow) {
    const std::size_t count = chunk.size - start < kRow ? chunk.size - start : kRow;
    const float* gradient = chunk.gradient + start;
    const float* parameter = chunk.parameter + start;
    const StateRow<Rule, const float> state(chunk.state, start);
    forEachBlock(count, [&](std::size_t begin, std::size_t length) {
      fetchBlock<Fetch::kRead>(parameter + begin + kRow);
      for (int k = 0; k < Rule::kStates; ++k) {
        fetchBlock<Fetch::kRead>(state.of[k] + begin + kRow);
      }
      TFJS_ALIG_INDEPENDENT
      for (std::size_t i = begin; i < begin + length; ++i) {
        float values[Rule::kStates > 0 ? Rule::kStates : 1] = {};
        for (int k = 0; k < Rule::kStates; ++k) values[k] = state.of[k][i];
        Term terms[kTerms];
        Rule::measure(local, clipped(gradient[i], most), parameter[i], values, terms);
        for (int k = 0; k < kTerms; ++k) {
          lanes[k][i] += static_cast<double>(terms[k].first) * static_cast<double>(terms[k].second);
        }
      }
    });
  }
  for (int k = 0; k < kTerms; ++k) sums[k + 1] = addLanes(lanes[k], reached);
}

// Updates so many rows, each of `count` elements, and adds the squares of the new parameters to
// their lanes.
template <class Rule, Place kPlace, std::size_t kRows>
void updateRows(const typename Rule::Coefficients& coefficients, const ChunkArguments& chunk,
                std::size_t start, std::size_t count, double* lanes) {
  const float most = chunk.maxGradientValue;
  forEachBlock(count, [&](std::size_t begin, std::size_t length) {
    alignas(64) float staged[kRows][kBlock];
    const float* updated[kRows];
    for (std::size_t row = 0; row < kRows; ++row) {
      const std::size_t at = start + row * kRow + begin;
      const float* gradient = chunk.gradient + at;
      const float* parameter = chunk.parameter + at;
      float* target = chunk.newParameter + at;
      const StateRow<Rule, const float> state(chunk.state, at);
      const StateRow<Rule, float> newState(chunk.newState, at);
      if (kPlace != Place::kNear) {
        constexpr std::size_t kAhead = kRows * kRow;
        fetchBlock<Fetch::kRead>(gradient + kAhead);
        if (parameter != target) fetchBlock<Fetch::kRead>(parameter + kAhead);
        if (kPlace == Place::kFar) fetchBlock<Fetch::kWrite>(target + kAhead);
        for (int k = 0; k < Rule::kStates; ++k) fetchBlock<Fetch::kWrite>(state.of[k] + kAhead);
      }
      float* newParameter = kPlace == Place::kFarStreaming ? staged[row] : target;
      TFJS_ALIG_INDEPENDENT
      for (std::size_t i = 0; i < length; ++i) {
        float w = parameter[i];
        float values[Rule::kStates > 0 ? Rule::kStates : 1] = {};
        for (int k = 0; k < Rule::kStates; ++k) values[k] = state.of[k][i];
        Rule::update(coefficients, clipped(gradient[i], most), w, values);
        for (int k = 0; k < Rule::kStates; ++k) newState.of[k][i] = values[k];
        newParameter[i] = w;
      }
      if (kPlace == Place::kFarStreaming) streamRow(target, newParameter, length);
      updated[row] = newParameter;
    }
    for (std::size_t i = 0; i < length; ++i) {
      double sum = lanes[begin + i];
      for (std::size_t row = 0; row < kRows; ++row) sum += squareOf(updated[row][i]);
      lanes[begin + i] = sum;
    }
  });
}

// Two rows at a time halve the traffic of the lanes, and each is in a page of 4 KB of its own, in
// which processors fetch ahead. ALI-G with momentum over 25.6 million elements on two cores
// (AVX-512): a row at a time, fetching 512 elements ahead, 9.2 ms, with the squares of a row in a
// loop of their own 10.9; two 8.4, four 9.6; a loop over the same arrays without squares 8.0. In a
// cache a row's loads wait for the stores of the one before, 4 KB back: there, and where a rule has
// more arrays, two rows take up to 1.7 times as long as one.
template <class Rule, Place kPlace>
double updateChunkIn(const void* coefficients, const ChunkArguments& chunk) {
  alignas(64) double lanes[kLaneCount];
  const auto local = *static_cast<const typename Rule::Coefficients*>(coefficients);
  const std::size_t size = chunk.size;
  const std::size_t reached = size < kRow ? size : kRow;
  // 0 + x is x: no square is -0.
  std::fill(lanes, lanes + reached, 0.0);
  std::size_t start = 0;
  if (kPlace != Place::kNear && Rule::kStates <= 1) {
    for (; start + 2 * kRow <= size; start += 2 * kRow) {
      updateRows<Rule, kPlace, 2>(local, chunk, start, kRow, lanes);
    }
  }
  for (; start < size; start += kRow) {
    const std::size_t count = size - start < kRow ? size - start : kRow;
    updateRows<Rule, kPlace, 1>(local, chunk, start, count, lanes);
  }
  return addLanes(lanes, reached);
}

template <class Rule>
double updateChunk(const void* coefficients, const ChunkArguments& chunk, Place place) {
  switch (place) {
    case Place::kNear:
      return updateChunkIn<Rule, Place::kNear>(coefficients, chunk);
    case Place::kFar:
      return updateChunkIn<Rule, Place::kFar>(coefficients, chunk);
    default:
      return updateChunkIn<Rule, Place::kFarStreaming>(coefficients, chunk);
  }
}

void scale(float scale, const float* values, float* result, std::size_t size) {
  TFJS_ALIG_INDEPENDENT
  for (std::size_t i = 0; i < size; ++i) result[i] = values[i] * scale;
}

template <class Rule>
constexpr RuleKernels kernelsOf() {
  if constexpr (Rule::kSums > 1) {
    return {measureChunk<Rule>, updateChunk<Rule>};
  } else {
    return {nullptr, updateChunk<Rule>};
  }
}

#define TFJS_ALIG_KERNELS_OF(Rule) kernelsOf<Rule>(),
constexpr RuleKernels kRuleKernels[] = {TFJS_ALIG_RULES(TFJS_ALIG_KERNELS_OF)};
#undef TFJS_ALIG_KERNELS_OF

}  // namespace

extern const Kernels TFJS_ALIG_KERNELS;
const Kernels TFJS_ALIG_KERNELS = {TFJS_ALIG_INSTRUCTION_SET, sumOfSquares, sumOfGradientSquares,
                                   scale, kRuleKernels};

}  // namespace tfjs_alig
