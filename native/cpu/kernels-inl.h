// The one source of the CPU kernels. Included by a file per instruction set, which defines
// TFJS_ALIG_KERNELS (the name of the table) and TFJS_ALIG_INSTRUCTION_SET; that file is compiled
// with the flags of its set. Everything here has internal linkage: two versions of one inline
// function must not be merged by the linker.

#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "cpu/kernels.h"
#include "engine/sum.h"
#include "rules/all.h"

// The arrays of a loop may be the same (in place) but never overlap otherwise, so that its elements
// are independent.
#if defined(__clang__)
#define TFJS_ALIG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TFJS_ALIG_INDEPENDENT _Pragma("GCC ivdep")
#else
#define TFJS_ALIG_INDEPENDENT
#endif

namespace tfjs_alig {
namespace {

constexpr std::size_t kRow = kLaneCount;

TFJS_ALIG_FORMULA double squareOf(float value) {
  const double wide = value;
  return wide * wide;
}

double sumOfSquares(const float* values, std::size_t size) {
  alignas(64) double lanes[kLaneCount];
  const std::size_t reached = size < kRow ? size : kRow;
  std::size_t start = 0;
  // Four rows at a time keep a lane in its register for four additions: 0.09 instead of 0.13 ns an
  // element in cache (AVX-512). The order of additions in a lane stays that of the rows.
  if (size >= 4 * kRow) {
    for (std::size_t lane = 0; lane < kRow; ++lane) {
      lanes[lane] = ((squareOf(values[lane]) + squareOf(values[lane + kRow])) +
                     squareOf(values[lane + 2 * kRow])) +
                    squareOf(values[lane + 3 * kRow]);
    }
    start = 4 * kRow;
  } else {
    for (std::size_t lane = 0; lane < reached; ++lane) lanes[lane] = squareOf(values[lane]);
    start = reached;
  }
  for (; start + 4 * kRow <= size; start += 4 * kRow) {
    const float* row = values + start;
    for (std::size_t lane = 0; lane < kRow; ++lane) {
      lanes[lane] = (((lanes[lane] + squareOf(row[lane])) + squareOf(row[lane + kRow])) +
                     squareOf(row[lane + 2 * kRow])) +
                    squareOf(row[lane + 3 * kRow]);
    }
  }
  while (start < size) {
    const std::size_t count = size - start < kRow ? size - start : kRow;
    const float* row = values + start;
    for (std::size_t lane = 0; lane < count; ++lane) lanes[lane] += squareOf(row[lane]);
    start += count;
  }
  return addLanes(lanes, reached);
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
  sums[0] = sumOfSquares(chunk.gradient, chunk.size);
  const std::size_t reached = chunk.size < kRow ? chunk.size : kRow;
  for (auto& list : lanes) {
    for (std::size_t lane = 0; lane < reached; ++lane) list[lane] = 0.0;
  }
  for (std::size_t start = 0; start < chunk.size; start += kRow) {
    const std::size_t count = chunk.size - start < kRow ? chunk.size - start : kRow;
    const float* gradient = chunk.gradient + start;
    const float* parameter = chunk.parameter + start;
    const StateRow<Rule, const float> state(chunk.state, start);
    TFJS_ALIG_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
      float values[Rule::kStates > 0 ? Rule::kStates : 1] = {};
      for (int k = 0; k < Rule::kStates; ++k) values[k] = state.of[k][i];
      Term terms[kTerms];
      Rule::measure(local, gradient[i], parameter[i], values, terms);
      for (int k = 0; k < kTerms; ++k) {
        lanes[k][i] += static_cast<double>(terms[k].first) * static_cast<double>(terms[k].second);
      }
    }
  }
  for (int k = 0; k < kTerms; ++k) sums[k + 1] = addLanes(lanes[k], reached);
}

template <class Rule>
double updateChunk(const void* coefficients, const ChunkArguments& chunk, Store store) {
  alignas(64) double lanes[kLaneCount];
  alignas(64) float staged[kRow];
  const auto local = *static_cast<const typename Rule::Coefficients*>(coefficients);
  const std::size_t size = chunk.size;
  for (std::size_t start = 0; start < size; start += kRow) {
    const std::size_t count = size - start < kRow ? size - start : kRow;
    const float* gradient = chunk.gradient + start;
    const float* parameter = chunk.parameter + start;
    float* newParameter = store == Store::kStreaming ? staged : chunk.newParameter + start;
    const StateRow<Rule, const float> state(chunk.state, start);
    const StateRow<Rule, float> newState(chunk.newState, start);
    TFJS_ALIG_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
      float w = parameter[i];
      float values[Rule::kStates > 0 ? Rule::kStates : 1] = {};
      for (int k = 0; k < Rule::kStates; ++k) values[k] = state.of[k][i];
      Rule::update(local, gradient[i], w, values);
      for (int k = 0; k < Rule::kStates; ++k) newState.of[k][i] = values[k];
      newParameter[i] = w;
    }
    if (start == 0) {
      for (std::size_t i = 0; i < count; ++i) lanes[i] = squareOf(newParameter[i]);
    } else {
      for (std::size_t i = 0; i < count; ++i) lanes[i] += squareOf(newParameter[i]);
    }
    if (store == Store::kStreaming) streamRow(chunk.newParameter + start, staged, count);
  }
  return addLanes(lanes, size < kRow ? size : kRow);
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
const Kernels TFJS_ALIG_KERNELS = {TFJS_ALIG_INSTRUCTION_SET, sumOfSquares, scale, kRuleKernels};

}  // namespace tfjs_alig
