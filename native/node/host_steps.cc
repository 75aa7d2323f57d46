#include "node/host_steps.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/engine.h"
#include "mpi/rank_shards.h"
#include "node/arguments.h"

namespace tfjs_alig {
namespace {

// A step over the same arrays each time. It has their addresses and keeps no array alive: its
// owner in JavaScript does, and looks before each step whether one has lost its memory.
struct PreparedStep {
  std::vector<StepTensor> tensors;
  std::vector<std::int32_t> input;
  std::vector<std::int32_t> shards;  // how the ranks share the state; empty: they do not
  bool hasGradient = false;
};

// An array of a step by its place in the lists one after the other.
struct Range {
  const float* begin;
  const float* end;
  std::uint32_t place;
};

void addRange(std::vector<Range>& ranges, const FloatArray& array, std::size_t place) {
  if (array.size == 0) return;
  ranges.push_back({array.data, array.data + array.size, static_cast<std::uint32_t>(place)});
}

// The places of two arrays that share memory, or null.
//
// By their addresses: one block may be seen through several buffers, as a SharedArrayBuffer that
// came back from a worker, or that of a WebAssembly.Memory that has grown.
Napi::Value overlapOf(Napi::Env env, std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& one, const Range& other) {
    return one.begin != other.begin ? one.begin < other.begin : one.place < other.place;
  });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].end <= ranges[i].begin) continue;
    const auto pair = Napi::Array::New(env, 2);
    pair.Set(0u, ranges[i - 1].place);
    pair.Set(1u, ranges[i].place);
    return pair;
  }
  return env.Null();
}

// parameters, gradients, states, groups, input, shards, whether arrays that share memory are looked
// for; returns the step, or the places of two such arrays
Napi::Value prepareStep(const Napi::CallbackInfo& info) {
  // NOTE [values first, addresses last]
  const std::vector<Napi::Value> parameters = entriesOf(info[0], "parameters");
  const std::vector<Napi::Value> gradients = entriesOf(info[1], "gradients");
  const std::vector<Napi::Value> states = entriesOf(info[2], "states");
  const bool lookForOverlap = info[6].As<Napi::Boolean>();

  const WordArray groups = wordArray(info[3], "groups");
  const WordArray words = wordArray(info[4], "input");
  const WordArray shardWords = wordArray(info[5], "shards");
  auto step = std::make_unique<PreparedStep>();
  step->input.assign(words.data, words.data + words.size);
  const auto stateCount =
      static_cast<std::size_t>(readStepInput(step->input.data(), words.size).rule->states);
  const std::size_t count = parameters.size();
  step->shards.assign(shardWords.data, shardWords.data + shardWords.size);
  std::optional<RankShards> shards;
  if (shardWords.size > 0) shards.emplace(shardWords.data, shardWords.size, count);
  std::vector<Range> ranges;
  if (lookForOverlap) ranges.reserve(count * (2 + stateCount));
  step->tensors.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    StepTensor& tensor = step->tensors[i];
    const FloatArray parameter = floatArray(parameters[i], "a parameter");
    if (lookForOverlap) addRange(ranges, parameter, i);
    tensor.size = parameter.size;
    tensor.parameter = parameter.data;
    tensor.newParameter = parameter.data;
    tensor.group = groupOf(groups, i);
    const Napi::Value& gradientValue = entryOf(gradients, i, "gradients");
    if (!gradientValue.IsNull()) {
      step->hasGradient = true;
      const FloatArray gradient = floatArrayOf(gradientValue, "a gradient", parameter.size);
      if (lookForOverlap) addRange(ranges, gradient, count + i);
      tensor.gradient = gradient.data;
    } else if (!lookForOverlap) {
      continue;  // There may be no state either: it is not read.
    }
    for (std::size_t k = 0; k < stateCount; ++k) {
      const std::size_t place = i * stateCount + k;
      const FloatArray state =
          floatArrayOf(entryOf(states, place, "states"), "a state",
                       shards ? shards->of(i, parameter.size).size() : parameter.size);
      if (lookForOverlap) addRange(ranges, state, 2 * count + place);
      tensor.newState[k] = state.data;
      tensor.state[k] = state.data;
    }
  }
  const Napi::Value overlap = overlapOf(info.Env(), ranges);
  if (!overlap.IsNull()) return overlap;
  const auto handle = Napi::External<PreparedStep>::New(
      info.Env(), step.get(), [](Napi::Env, PreparedStep* prepared) { delete prepared; });
  step.release();
  return handle;
}

// step, loss, result
Napi::Value makeStep(const Napi::CallbackInfo& info) {
  const PreparedStep& prepared = *info[0].As<Napi::External<PreparedStep>>().Data();
  const float loss = info[1].As<Napi::Number>().FloatValue();
  const WordArray result = wordArrayOf(info[2], "result", kResultWords);
  const std::vector<StepTensor>& tensors = prepared.tensors;
  const std::vector<std::int32_t>& words = prepared.shards;
  std::optional<RankShards> shards;
  if (!words.empty()) shards.emplace(words.data(), words.size(), tensors.size());
  CpuStep step(shards ? shards->cut(tensors) : tensors, loss,
               readStepInput(prepared.input.data(), prepared.input.size()),
               shards ? &*shards : nullptr);
  bool written = true;
  if (!prepared.hasGradient) {
    step.measureParameters();
  } else {
    written = step.decide();
    if (written) step.update();
  }
  if (step.projects()) step.project();
  if (shards && written) shards->gather(step.projects());
  std::memcpy(result.data, &step.result(), sizeof(StepResult));
  return info.Env().Undefined();
}

}  // namespace

void addHostSteps(Napi::Env env, Napi::Object exports) {
  exports.Set("prepareStep", Napi::Function::New(env, guarded<prepareStep>, "prepareStep"));
  exports.Set("step", Napi::Function::New(env, guarded<makeStep>, "step"));
}

}  // namespace tfjs_alig
