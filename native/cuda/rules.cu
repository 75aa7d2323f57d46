// The stages that are a rule's own, as CUDA kernels: measure, decide and update. The formulas are
// those of native/rules.
#include "cuda/block.h"
#include "cuda/rule_kernels.h"
#include "engine/decide.h"
#include "rules/all.h"

namespace tfjs_alig {

template <class Rule>
constexpr int kArrays = Rule::kStates > 0 ? Rule::kStates : 1;

// What a thread holds of a rule's state.
template <class Rule>
struct StateQuads {
  Quad of[kArrays<Rule>];
};

// One element's state, as the formulas take it.
template <class Rule>
struct StateValues {
  float of[kArrays<Rule>];

  __device__ __forceinline__ StateValues(const StateQuads<Rule>& quads, unsigned i) : of() {
#pragma unroll
    for (int k = 0; k < Rule::kStates; ++k) of[k] = quads.of[k].of[i];
  }
};

// A rule's arrays of state at the start of a chunk.
template <class Rule>
struct StatePointers {
  float* of[kArrays<Rule>];

  template <class Pointer>
  __device__ __forceinline__ StatePointers(const Pointer* arrays, std::uint64_t offset) : of() {
#pragma unroll
    for (int k = 0; k < Rule::kStates; ++k) {
      of[k] = asGlobal(const_cast<float*>(arrays[k])) + offset;
    }
  }

  __device__ __forceinline__ bool aligned() const {
    bool all = true;
#pragma unroll
    for (int k = 0; k < Rule::kStates; ++k) all = all && isAligned(of[k]);
    return all;
  }

  template <class Extent>
  __device__ __forceinline__ StateQuads<Rule> load(unsigned i, Extent extent) const {
    StateQuads<Rule> quads = {};
#pragma unroll
    for (int k = 0; k < Rule::kStates; ++k) quads.of[k] = loadQuad(of[k] + i, extent);
    return quads;
  }

  template <class Extent>
  __device__ __forceinline__ void store(const StateQuads<Rule>& quads, unsigned i,
                                        Extent extent) const {
#pragma unroll
    for (int k = 0; k < Rule::kStates; ++k) storeQuad(of[k] + i, quads.of[k], extent);
  }
};

template <class Rule>
__global__ void __launch_bounds__(kBlock)
    measureTerms(const TableEntry* table, std::size_t count, GroupsOnGpu groups,
                 float maxGradientValue, double* sums) {
  constexpr int kTerms = Rule::kSums - 1;
  const ChunkPlace chunk = findChunk<&TableEntry::firstGradientChunk>(table, count);
  const TableEntry& tensor = *chunk.tensor;
  const auto measuring =
      static_cast<const typename Rule::Measuring*>(groups.measuring)[tensor.group];
  const float* gradient = asGlobal(tensor.gradient) + chunk.offset;
  const float* parameter = asGlobal(tensor.parameter) + chunk.offset;
  const StatePointers<Rule> state(tensor.state, chunk.offset);
  const bool aligned = isAligned(gradient) && isAligned(parameter) && state.aligned();
  Lanes lanes[Rule::kSums] = {};
  forEachQuad<kRowsOfRule>(chunk.size, aligned, [&](int quad, unsigned i, auto extent) {
    const Quad g = loadGradient(gradient + i, maxGradientValue, extent);
    const Quad w = loadQuad(parameter + i, extent);
    const StateQuads<Rule> states = state.load(i, extent);
    addSquares(lanes[0].of[quad], g, extent);
#pragma unroll
    for (unsigned lane = 0; lane < kQuad; ++lane) {
      if (!has(extent, lane)) continue;
      const StateValues<Rule> values(states, lane);
      Term terms[kTerms];
      Rule::measure(measuring, g.of[lane], w.of[lane], values.of, terms);
#pragma unroll
      for (int k = 0; k < kTerms; ++k) {
        addProduct(lanes[k + 1].of[quad][lane], terms[k].first, terms[k].second);
      }
    }
  });
  const double* factors = groups.factors + tensor.group * Rule::kSums;
#pragma unroll
  for (int k = 0; k < Rule::kSums; ++k) {
    if (k > 0) __syncthreads();
    const double sum = addLanes(lanes[k]);
    if (threadIdx.x == 0)
      sums[static_cast<std::size_t>(k) * gridDim.x + blockIdx.x] = factors[k] * sum;
  }
}

// In one thread of one block: the host never waits for the sums.
template <class Rule>
__global__ void __launch_bounds__(kBlock)
    decide(DecideArguments arguments, StepState* state, StepResult* result) {
#pragma unroll 1
  for (int k = 0; k < Rule::kSums; ++k) {
    if (k > 0) __syncthreads();
    const double sum = addChunkSums(arguments.sums + static_cast<std::size_t>(k) * arguments.count,
                                    arguments.count);
    if (threadIdx.x == 0) state->sums[k] = sum;
  }
  if (threadIdx.x != 0) return;
  StepResult newResult = {};
  newResult.report.loss = arguments.loss ? *arguments.loss : arguments.lossValue;
  newResult.scalars = arguments.scalars;
  StepStatus status = StepStatus::kTaken;
  if (arguments.stepWanted) {
    const GroupsOnGpu& groups = arguments.groups;
    const StepOf<Rule> step = {*static_cast<const typename Rule::Settings*>(groups.settings),
                               static_cast<const Group<Rule>*>(groups.groups), groups.count,
                               newResult.report.loss, arguments.stepNumber};
    status =
        decideStep<Rule>(step, state->sums,
                         static_cast<typename Rule::Coefficients*>(groups.coefficients), newResult);
  }
  newResult.report.status = static_cast<float>(status);
  state->refused = status != StepStatus::kTaken;
  state->projects = false;
  *result = newResult;
}

// What happens to values that a step leaves as they are: copied where the new ones have a buffer of
// their own, and measured.
__device__ __forceinline__ void keepChunk(const float* values, float* newValues, unsigned size,
                                          Lanes& lanes) {
  const bool aligned = isAligned(values) && isAligned(newValues);
  forEachQuad<kRowsOfOneArray>(size, aligned, [&](int quad, unsigned i, auto extent) {
    const Quad kept = loadQuad(values + i, extent);
    if (newValues != values) storeQuad(newValues + i, kept, extent);
    addSquares(lanes.of[quad], kept, extent);
  });
}

template <class Rule>
__device__ __forceinline__ void updateChunk(const typename Rule::Coefficients& coefficients,
                                            const ChunkPlace& chunk, float maxGradientValue,
                                            Lanes& lanes) {
  const TableEntry& tensor = *chunk.tensor;
  const float* gradient = asGlobal(tensor.gradient) + chunk.offset;
  const float* parameter = asGlobal(tensor.parameter) + chunk.offset;
  float* newParameter = asGlobal(tensor.newParameter) + chunk.offset;
  const StatePointers<Rule> state(tensor.state, chunk.offset);
  const StatePointers<Rule> newState(tensor.newState, chunk.offset);
  const bool aligned = isAligned(gradient) && isAligned(parameter) && isAligned(newParameter) &&
                       state.aligned() && newState.aligned();
  forEachQuad<kRowsOfRule>(chunk.size, aligned, [&](int quad, unsigned i, auto extent) {
    const Quad g = loadGradient(gradient + i, maxGradientValue, extent);
    Quad w = loadQuad(parameter + i, extent);
    StateQuads<Rule> states = state.load(i, extent);
#pragma unroll
    for (unsigned lane = 0; lane < kQuad; ++lane) {
      StateValues<Rule> values(states, lane);
      Rule::update(coefficients, g.of[lane], w.of[lane], values.of);
#pragma unroll
      for (int k = 0; k < Rule::kStates; ++k) states.of[k].of[lane] = values.of[k];
    }
    newState.store(states, i, extent);
    storeQuad(newParameter + i, w, extent);
    addSquares(lanes.of[quad], w, extent);
  });
}

template <class Rule>
__global__ void __launch_bounds__(kBlock)
    updateParameters(const TableEntry* table, std::size_t count, const void* coefficients,
                     float maxGradientValue, const StepState* state, double* sums) {
  const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, count);
  const TableEntry& tensor = *chunk.tensor;
  Lanes lanes = {};
  if (tensor.gradient && !state->refused) {
    const auto own = static_cast<const typename Rule::Coefficients*>(coefficients)[tensor.group];
    updateChunk<Rule>(own, chunk, maxGradientValue, lanes);
  } else {
    keepChunk(asGlobal(tensor.parameter) + chunk.offset,
              asGlobal(tensor.newParameter) + chunk.offset, chunk.size, lanes);
    Lanes unused = {};
#pragma unroll 1
    for (int k = 0; k < Rule::kStates; ++k) {
      if (tensor.newState[k] == tensor.state[k]) continue;
      keepChunk(asGlobal(tensor.state[k]) + chunk.offset,
                asGlobal(tensor.newState[k]) + chunk.offset, chunk.size, unused);
    }
  }
  const double sum = addLanes(lanes);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class Rule>
constexpr RuleKernels kernelsOf() {
  RuleKernels kernels = {nullptr, decide<Rule>, updateParameters<Rule>};
  if constexpr (Rule::kSums > 1) kernels.measure = measureTerms<Rule>;
  return kernels;
}

const RuleKernels* ruleKernels() {
#define TFJS_ALIG_KERNELS_OF(Rule) kernelsOf<Rule>(),
  static const RuleKernels kernels[] = {TFJS_ALIG_RULES(TFJS_ALIG_KERNELS_OF)};
#undef TFJS_ALIG_KERNELS_OF
  return kernels;
}

}  // namespace tfjs_alig
