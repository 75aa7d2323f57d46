#include "node/device_buffers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cpu/floating_point.h"
#include "cuda/loaded_library.h"
#include "cuda/session.h"
#include "engine/step_input.h"
#include "node/arguments.h"

namespace tfjs_alig {
namespace {

// An array of float32 in the memory of the GPU, until it is disposed of or its handle is garbage.
class DeviceMemory {
 public:
  DeviceMemory(Napi::Env env, std::size_t size)
      : size_(size), data_(CudaSession::instance().allocate(size)) {
    // Else the garbage collector takes a handle for a few bytes and lets the GPU run full.
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes());
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // Waits for steps that still use it.
  void dispose(Napi::Env env) {
    if (data_) CudaSession::instance().free(take(env));
  }
  // For the garbage collector, which must not stop for the GPU.
  void disposeLater(Napi::Env env) {
    if (data_) CudaSession::instance().freeLater(take(env));
  }

  std::size_t size() const { return size_; }
  float* data() const {
    if (!data_) throw std::invalid_argument("a device buffer is disposed");
    return data_;
  }

 private:
  std::int64_t bytes() const { return static_cast<std::int64_t>(size_ * sizeof(float)); }
  float* take(Napi::Env env) {
    Napi::MemoryManagement::AdjustExternalMemory(env, -bytes());
    return std::exchange(data_, nullptr);
  }

  std::size_t size_;
  float* data_;
};

void finalizeMemory(Napi::Env env, DeviceMemory* memory) {
  try {
    memory->disposeLater(env);
  } catch (const std::exception&) {
    // The GPU is lost, and its memory with it; nobody is there to be told.
  }
  delete memory;
}

DeviceMemory& memoryOf(const Napi::Value& value) {
  return *value.As<Napi::External<DeviceMemory>>().Data();
}

// length
Napi::Value cudaAllocate(const Napi::CallbackInfo& info) {
  const auto length = static_cast<std::size_t>(info[0].As<Napi::Number>().Int64Value());
  return Napi::External<DeviceMemory>::New(info.Env(), new DeviceMemory(info.Env(), length),
                                           finalizeMemory);
}

// memory
Napi::Value cudaDispose(const Napi::CallbackInfo& info) {
  memoryOf(info[0]).dispose(info.Env());
  return info.Env().Undefined();
}

// memory, array
Napi::Value cudaUpload(const Napi::CallbackInfo& info) {
  DeviceMemory& memory = memoryOf(info[0]);
  const FloatArray array = floatArrayOf(info[1], "the array", memory.size());
  if (array.size > 0) CudaSession::instance().upload(memory.data(), array.data, array.size);
  return info.Env().Undefined();
}

// memory
Napi::Value cudaSetZero(const Napi::CallbackInfo& info) {
  DeviceMemory& memory = memoryOf(info[0]);
  CudaSession::instance().setZero(memory.data(), memory.size());
  return info.Env().Undefined();
}

// memory, array
Napi::Value cudaDownload(const Napi::CallbackInfo& info) {
  DeviceMemory& memory = memoryOf(info[0]);
  const FloatArray array = floatArrayOf(info[1], "the array", memory.size());
  if (array.size > 0) CudaSession::instance().download(array.data, memory.data(), array.size);
  return info.Env().Undefined();
}

// to, from
Napi::Value cudaCopy(const Napi::CallbackInfo& info) {
  DeviceMemory& to = memoryOf(info[0]);
  DeviceMemory& from = memoryOf(info[1]);
  CudaSession::instance().copy(to.data(), from.data(), std::min(to.size(), from.size()));
  return info.Env().Undefined();
}

// memory
Napi::Value cudaAddress(const Napi::CallbackInfo& info) {
  const auto address = reinterpret_cast<std::uintptr_t>(memoryOf(info[0]).data());
  // A double holds it: addresses have at most 57 bits, and cudaMalloc's end with 8 zeros.
  return Napi::Number::New(info.Env(), static_cast<double>(address));
}

// NOTE [tables of addresses]
// The tensors of a step come as one array of doubles and not as three lists of handles: to ask
// Node-API for 480 entries took 31 us, ten times what the rest of the call takes.
std::vector<StepTensor> tensorsOf(const DoubleArray& table, std::size_t stateCount) {
  const std::size_t rowLength = 4 + stateCount;
  if (table.size % rowLength != 0) throw std::invalid_argument("the table has half a row");
  std::vector<StepTensor> tensors(table.size / rowLength);
  const double* row = table.data;
  for (StepTensor& tensor : tensors) {
    tensor.size = static_cast<std::size_t>(row[0]);
    tensor.group = static_cast<std::uint32_t>(row[1]);
    tensor.newParameter = addressOf(row[2]);
    tensor.parameter = tensor.newParameter;
    tensor.gradient = addressOf(row[3]);
    for (std::size_t k = 0; k < stateCount; ++k) {
      tensor.newState[k] = addressOf(row[4 + k]);
      tensor.state[k] = tensor.newState[k];
    }
    row += rowLength;
  }
  return tensors;
}

// table, loss, input; returns the memory of the result
Napi::Value cudaStep(const Napi::CallbackInfo& info) {
  const DoubleArray table = doubleArray(info[0], "table");
  const float loss = info[1].As<Napi::Number>().FloatValue();
  const WordArray words = wordArray(info[2], "input");
  const auto stateCount =
      static_cast<std::size_t>(readStepInput(words.data, words.size).rule->states);
  const std::vector<StepTensor> tensors = tensorsOf(table, stateCount);
  CudaSession& session = CudaSession::instance();
  StepResult* const result = session.takeResult();
  const auto release = [](Napi::Env, StepResult* slot) {
    CudaSession::instance().releaseResult(slot);
  };
  const auto handle = Napi::External<StepResult>::New(info.Env(), result, release);
  const IeeeArithmetic ieee;
  session.step({tensors, nullptr, loss, words.data, words.size}, result);
  return handle;
}

// memory of a result, array; waits for the step
Napi::Value cudaResult(const Napi::CallbackInfo& info) {
  const WordArray result = wordArrayOf(info[1], "result", kResultWords);
  const IeeeArithmetic ieee;
  const StepResult read =
      CudaSession::instance().readResult(info[0].As<Napi::External<StepResult>>().Data());
  std::memcpy(result.data, &read, sizeof read);
  return info.Env().Undefined();
}

Napi::Value getCudaDevices(const Napi::CallbackInfo& info) {
  const std::vector<TfjsAligCudaDevice> devices = cudaDevices();
  const auto list = Napi::Array::New(info.Env(), devices.size());
  for (std::uint32_t i = 0; i < devices.size(); ++i) {
    const TfjsAligCudaDevice& device = devices[i];
    const auto entry = Napi::Object::New(info.Env());
    entry.Set("name", device.name);
    entry.Set("computeCapability", std::to_string(device.computeCapability / 10) + "." +
                                       std::to_string(device.computeCapability % 10));
    entry.Set("memory", static_cast<double>(device.memoryBytes));
    list.Set(i, entry);
  }
  return list;
}

Napi::Value getCudaLibrary(const Napi::CallbackInfo& info) {
  const CudaLibraryState& state = cudaLibraryState();
  const auto result = Napi::Object::New(info.Env());
  result.Set("path", state.path);
  result.Set("problem", state.library ? info.Env().Null()
                                      : Napi::Value(Napi::String::New(info.Env(), state.problem)));
  return result;
}

}  // namespace

void addDeviceBuffers(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*callback)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, callback, name));
  };
  add("getCudaLibrary", guarded<getCudaLibrary>);
  add("getCudaDevices", guarded<getCudaDevices>);
  add("cudaAllocate", guarded<cudaAllocate>);
  add("cudaDispose", guarded<cudaDispose>);
  add("cudaUpload", guarded<cudaUpload>);
  add("cudaSetZero", guarded<cudaSetZero>);
  add("cudaDownload", guarded<cudaDownload>);
  add("cudaCopy", guarded<cudaCopy>);
  add("cudaAddress", guarded<cudaAddress>);
  add("cudaStep", guarded<cudaStep>);
  add("cudaResult", guarded<cudaResult>);
}

}  // namespace tfjs_alig
