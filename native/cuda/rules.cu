// The stages that are a rule's own, as CUDA kernels: measure, decide and update. The formulas are
// those of native/rules.
#include "cuda/block.h"
#include "cuda/rule_kernels.h"
#include "engine/decide.h"
#include "rules/all.h"

namespace tfjs_alig {

template <class Rule>
constexpr int kArrays = Rule::kStates > 0 ? Rule::kStates : 1;

// NOTE [blocks on a multiprocessor]
// The fewest blocks that a multiprocessor must hold, which bounds the registers of a thread; 0
// leaves both to ptxas. It gave these kernels some registers too few, spilled 4 to 120 bytes a
// thread to memory and held one block more. The static check finds where it does.
template <class Rule>
constexpr int kBlocksToMeasure = 0;
template <>
constexpr int kBlocksToMeasure<Dfw> = 4;
template <>
constexpr int kBlocksToMeasure<DfwMomentum> = 4;
template <>
constexpr int kBlocksToMeasure<L4Adam> = 3;
template <>
constexpr int kBlocksToMeasure<Momo> = 3;
template <class Rule>
constexpr int kBlocksToUpdate = 0;
template <>
constexpr int kBlocksToUpdate<L4Adam> = 3;

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

// The sum of squares of a chunk of a gradient.
__device__ __forceinline__ void measureGradient(const ChunkPlace& chunk, float maxGradientValue,
                                                const ChunkSums& sums) {
  const float* gradient = asGlobal(chunk.tensor->gradient) + chunk.offset;
  Lanes lanes = {};
  forEachQuad<kRowsOfOneArray>(
      chunk.size, isAligned(gradient), [&](int quad, unsigned i, auto extent) {
        addSquares(lanes.of[quad], loadGradient(gradient + i, maxGradientValue, extent), extent);
      });
  const double sum = addLanes(lanes);
  if (threadIdx.x == 0) sums.ofChunks[blockIdx.x] = sum;
}

// All sums of a chunk, where the rule has others beside.
template <class Rule>
__device__ __forceinline__ void measureTerms(const ChunkPlace& chunk, const GroupsOnGpu& groups,
                                             float maxGradientValue, const ChunkSums& sums) {
  constexpr int kTerms = Rule::kSums - 1;
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
    if (threadIdx.x == 0) sums.ofList(static_cast<unsigned>(k))[blockIdx.x] = factors[k] * sum;
  }
}

// Of one block, in one thread: the host never waits for the sums.
template <class Rule>
__device__ __forceinline__ void decide(const DecideArguments& arguments, const ChunkSums& sums,
                                       StepState* state) {
#pragma unroll 1
  for (int k = 0; k < Rule::kSums; ++k) {
    if (k > 0) __syncthreads();
    const double sum = addChunkSums(sums, static_cast<unsigned>(k));
    if (threadIdx.x == 0) state->sums[k] = sum;
  }
  if (threadIdx.x != 0) return;
  StepResult newResult = {};
  newResult.report.loss = arguments.loss ? *arguments.loss : arguments.lossValue;
  newResult.scalars = arguments.scalars;
  StepStatus status = StepStatus::kTaken;
  if (arguments.stepWanted) {
    const GroupsOnGpu& groups = arguments.groups;
    auto* const numbered = static_cast<Group<Rule>*>(groups.numbered);
    for (int i = 0; i < groups.count; ++i) {
      numbered[i] = static_cast<const Group<Rule>*>(groups.groups)[i];
      numbered[i].stepNumber += arguments.stepNumber;
    }
    const StepOf<Rule> step = {*static_cast<const typename Rule::Settings*>(groups.settings),
                               numbered, groups.count, newResult.report.loss, arguments.stepNumber};
    status =
        decideStep<Rule>(step, state->sums,
                         static_cast<typename Rule::Coefficients*>(groups.coefficients), newResult);
  }
  newResult.report.status = static_cast<float>(status);
  state->refused = status != StepStatus::kTaken;
  state->projects = false;
  state->result = newResult;
}

template <class Rule>
__global__ void __launch_bounds__(kBlock, kBlocksToMeasure<Rule>)
    measure(TableOnGpu table, float maxGradientValue, DecideArguments arguments, ChunkSums sums,
            StepState* state) {
  if (sums.chunks > 0) {
    const ChunkPlace chunk = findChunk<&TableEntry::firstGradientChunk>(table, blockIdx.x);
    if constexpr (Rule::kSums > 1) {
      measureTerms<Rule>(chunk, arguments.groups, maxGradientValue, sums);
    } else {
      measureGradient(chunk, maxGradientValue, sums);
    }
  }
  if (isLastBlock(&state->blocksDone)) decide<Rule>(arguments, sums, state);
}

// What happens to values that a step leaves as they are: copied where the new ones have a buffer of
// their own, and measured.
__device__ __forceinline__ void keepChunk(const float* values, float* newValues, unsigned size,
                                          Lanes& lanes) {
  if (newValues != values) {
    rewriteQuads(values, newValues, size, [&](int quad, const Quad& kept, auto extent) {
      addSquares(lanes.of[quad], kept, extent);
    });
  } else {
    forEachQuad<kRowsOfOneArray>(size, isAligned(values), [&](int quad, unsigned i, auto extent) {
      addSquares(lanes.of[quad], loadQuad(values + i, extent), extent);
    });
  }
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

// Updates a chunk, or keeps it; the sum of squares of its new parameters, in thread 0.
template <class Rule>
__device__ __forceinline__ double stepOverChunk(const ChunkPlace& chunk, const void* coefficients,
                                                float maxGradientValue, bool refused) {
  const TableEntry& tensor = *chunk.tensor;
  Lanes lanes = {};
  if (tensor.gradient && !refused) {
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
  return addLanes(lanes);
}

// Of one block, in one thread: decides the projection and hands the result to the host.
__device__ __forceinline__ void complete(const L2Ball& ball, const ChunkSums& sums,
                                         StepState* state, StepResult* result) {
  const double squaredNorm = addChunkSums(sums, 0);
  if (threadIdx.x != 0) return;
  if (!state->refused) {
    state->projects = decideProjection(ball, squaredNorm, state->result.report);
    if (state->projects) state->scale = ball.scale(squaredNorm);
  }
  *result = state->result;
}

// The blocks go from the last chunk to the first: what was measured last may still be in the cache.
template <class Rule>
__global__ void __launch_bounds__(kBlock, kBlocksToUpdate<Rule>)
    updateParameters(TableOnGpu table, float maxGradientValue, const void* coefficients,
                     L2Ball ball, ChunkSums sums, StepState* state, StepResult* result) {
  if (sums.chunks > 0) {
    const unsigned number = sums.chunks - 1 - blockIdx.x;
    const ChunkPlace chunk = findChunk<&TableEntry::firstChunk>(table, number);
    const double sum = stepOverChunk<Rule>(chunk, coefficients, maxGradientValue, state->refused);
    if (threadIdx.x == 0) sums.ofChunks[number] = sum;
  }
  if (isLastBlock(&state->blocksDone)) complete(ball, sums, state, result);
}

const RuleKernels* ruleKernels() {
#define TFJS_ALIG_KERNELS_OF(Rule) {measure<Rule>, updateParameters<Rule>},
  static const RuleKernels kernels[] = {TFJS_ALIG_RULES(TFJS_ALIG_KERNELS_OF)};
#undef TFJS_ALIG_KERNELS_OF
  return kernels;
}

}  // namespace tfjs_alig
