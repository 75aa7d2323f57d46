// The Node-API surface; lib/platform/addon.ts has its types. Arguments were checked there: what is
// checked here again is what would otherwise write outside an array.
#include <napi.h>

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
#include "node/host_steps.h"
#include "node/mpi.h"
#include "node/standard_error.h"
#include "tensorflow/average_op.h"
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

Napi::Value registerTensorFlowOp(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), registerStepOp());
}

Napi::Value registerTensorFlowAverageOp(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), registerAverageOp());
}

Napi::Value registerTensorFlowCudaAverageOp(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(),
                           registerCudaAverageOp(info[0].As<Napi::String>().Utf8Value()));
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
  add("registerTensorFlowOp", guarded<registerTensorFlowOp>);
  add("registerTensorFlowCudaOp", guarded<registerTensorFlowCudaOp>);
  add("registerTensorFlowAverageOp", guarded<registerTensorFlowAverageOp>);
  add("registerTensorFlowCudaAverageOp", guarded<registerTensorFlowCudaAverageOp>);
  add("getInstructionSet", guarded<getInstructionSet>);
  add("setInstructionSet", guarded<setInstructionSet>);
  add("getThreadCount", guarded<getThreadCount>);
  add("threadsOf", guarded<threadsOf>);
  add("setThreadCount", guarded<setThreads>);
  add("holdStandardError", guarded<hold>);
  add("releaseStandardError", guarded<release>);
  addHostSteps(env, exports);
  addDeviceBuffers(env, exports);
  addMpi(env, exports);
  return exports;
}

}  // namespace
}  // namespace tfjs_alig

static Napi::Object initializeAddon(Napi::Env env, Napi::Object exports) {
  return tfjs_alig::initialize(env, exports);
}

NODE_API_MODULE(tfjs_alig, initializeAddon)
