// The Node-API surface; lib/platform/addon.ts has its types. Arguments were checked there: what is
// checked here again is what would otherwise write outside an array.
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "cpu/engine.h"
#include "cpu/kernels.h"
#include "cpu/threads.h"
#include "node/arguments.h"
#include "node/device_buffers.h"
#include "node/standard_error.h"
#include "tensorflow/step_op.h"

namespace tfjs_alig {
namespace {

// NOTE [pinned add-on]
// Node unloads an add-on when the worker thread that loaded it ends, but TensorFlow keeps pointers
// to our kernel for as long as the process lives (seen: the next op ended with signal 11). So the
// library holds itself.
void pinThisLibrary() {
#if !defined(_WIN32)
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pinThisLibrary), &info) && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_LAZY | RTLD_NODELETE);
  }
#endif
}

// parameters, gradients, states, groups, loss, input, result
Napi::Value step(const Napi::CallbackInfo& info) {
  // NOTE [values first, addresses last]
  const std::vector<Napi::Value> parameters = entriesOf(info[0], "parameters");
  const std::vector<Napi::Value> gradients = entriesOf(info[1], "gradients");
  const std::vector<Napi::Value> states = entriesOf(info[2], "states");
  const float loss = info[4].As<Napi::Number>().FloatValue();

  const WordArray groups = wordArray(info[3], "groups");
  const WordArray words = wordArray(info[5], "input");
  const WordArray result = wordArrayOf(info[6], "result", kResultWords);
  const StepInput input = readStepInput(words.data, words.size);
  const auto stateCount = static_cast<std::size_t>(input.rule->states);
  bool stepWanted = false;
  std::vector<StepTensor> tensors(parameters.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    StepTensor& tensor = tensors[i];
    const FloatArray parameter = floatArray(parameters[i], "a parameter");
    tensor.size = parameter.size;
    tensor.parameter = parameter.data;
    tensor.newParameter = parameter.data;
    tensor.group = groupOf(groups, i);
    const Napi::Value& gradient = entryOf(gradients, i, "gradients");
    if (gradient.IsNull()) continue;
    stepWanted = true;
    tensor.gradient = floatArrayOf(gradient, "a gradient", parameter.size).data;
    for (std::size_t k = 0; k < stateCount; ++k) {
      const Napi::Value& state = entryOf(states, i * stateCount + k, "states");
      tensor.newState[k] = floatArrayOf(state, "a state", parameter.size).data;
      tensor.state[k] = tensor.newState[k];
    }
  }

  CpuStep cpuStep(std::move(tensors), loss, input);
  if (!stepWanted) {
    cpuStep.measureParameters();
  } else if (cpuStep.decide()) {
    cpuStep.update();
  }
  if (cpuStep.projects()) cpuStep.project();
  std::memcpy(result.data, &cpuStep.result(), sizeof(StepResult));
  return info.Env().Undefined();
}

// arrays; returns the places of two that share memory, or null
//
// By their addresses: one block may be seen through several buffers, as a SharedArrayBuffer that
// came back from a worker, or that of a WebAssembly.Memory that has grown.
Napi::Value findOverlap(const Napi::CallbackInfo& info) {
  const std::vector<Napi::Value> arrays = entriesOf(info[0], "arrays");
  struct Range {
    const float* begin;
    const float* end;
    std::uint32_t place;
  };
  std::vector<Range> ranges;
  ranges.reserve(arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const FloatArray array = floatArray(arrays[i], "an array");
    if (array.size == 0) continue;
    ranges.push_back({array.data, array.data + array.size, static_cast<std::uint32_t>(i)});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& one, const Range& other) {
    return one.begin != other.begin ? one.begin < other.begin : one.place < other.place;
  });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].end <= ranges[i].begin) continue;
    const auto pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0u, ranges[i - 1].place);
    pair.Set(1u, ranges[i].place);
    return pair;
  }
  return info.Env().Null();
}

Napi::Value registerTensorFlowOp(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), registerStepOp());
}

Napi::Value registerTensorFlowCudaOp(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), registerCudaStepOp(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value getInstructionSet(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), kernelsInUse().instructionSet);
}

Napi::Value setInstructionSet(const Napi::CallbackInfo& info) {
  useInstructionSet(info[0].As<Napi::String>().Utf8Value());
  return info.Env().Undefined();
}

Napi::Value getThreadCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), threadCount());
}

Napi::Value threadsOf(const Napi::CallbackInfo& info) {
  const auto elements = static_cast<std::size_t>(info[0].As<Napi::Number>().Int64Value());
  return Napi::Number::New(info.Env(), usefulThreads(elements));
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  setThreadCount(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

Napi::Value hold(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), holdStandardError());
}

Napi::Value release(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), releaseStandardError());
}

Napi::Array instructionSets(Napi::Env env) {
  const std::vector<const Kernels*>& available = availableKernels();
  const auto names = Napi::Array::New(env, available.size());
  for (std::uint32_t i = 0; i < available.size(); ++i) {
    names.Set(i, available[i]->instructionSet);
  }
  return names;
}

// What a rule was built as: lib/engines/addon.ts compares it with the rule in TypeScript.
Napi::Array ruleLayouts(Napi::Env env) {
  const auto layouts = Napi::Array::New(env, kRules);
  for (std::uint32_t i = 0; i < kRules; ++i) {
    const RuleFunctions& rule = ruleFunctions()[i];
    const auto layout = Napi::Object::New(env);
    layout.Set("name", rule.name);
    layout.Set("settings", rule.settings);
    layout.Set("groupSettings", rule.groupSettings);
    layout.Set("states", rule.states);
    layout.Set("sums", rule.sums);
    layouts.Set(i, layout);
  }
  return layouts;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  pinThisLibrary();
  exports.Set("version", TFJS_ALIG_VERSION);
  exports.Set("instructionSets", instructionSets(env));
  exports.Set("rules", ruleLayouts(env));
  const auto add = [&](const char* name, Napi::Value (*callback)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, callback, name));
  };
  add("step", guarded<step>);
  add("findOverlap", guarded<findOverlap>);
  add("registerTensorFlowOp", guarded<registerTensorFlowOp>);
  add("registerTensorFlowCudaOp", guarded<registerTensorFlowCudaOp>);
  add("getInstructionSet", guarded<getInstructionSet>);
  add("setInstructionSet", guarded<setInstructionSet>);
  add("getThreadCount", guarded<getThreadCount>);
  add("threadsOf", guarded<threadsOf>);
  add("setThreadCount", guarded<setThreads>);
  add("holdStandardError", guarded<hold>);
  add("releaseStandardError", guarded<release>);
  addDeviceBuffers(env, exports);
  return exports;
}

}  // namespace
}  // namespace tfjs_alig

static Napi::Object initializeAddon(Napi::Env env, Napi::Object exports) {
  return tfjs_alig::initialize(env, exports);
}

NODE_API_MODULE(tfjs_alig, initializeAddon)
