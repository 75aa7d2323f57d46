#include "cuda/library.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "cuda/engine.h"

// Not in a namespace: the interface names it.
struct TfjsAligCudaEngine {
  int device;
  tfjs_alig::CudaEngine engine;
};

namespace tfjs_alig {
namespace {

std::string cudaVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// CUDA says "driver version is insufficient" also where there is no driver at all.
std::string explainNoDevice(cudaError_t status) {
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    int runtime = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
      return "no NVIDIA driver was found";
    }
    cudaRuntimeGetVersion(&runtime);
    return "the NVIDIA driver is for CUDA " + cudaVersion(driver) +
           " or older, and the engine was compiled with CUDA " + cudaVersion(runtime) +
           ": update the driver, or build with an older nvcc";
  }
  if (status == cudaErrorNoDevice) return "the NVIDIA driver finds no GPU for this process";
  return std::string("the NVIDIA driver gives no GPU: ") + cudaGetErrorString(status);
}

// Throws where this process can use no GPU.
int deviceCount() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  throw std::runtime_error(explainNoDevice(status == cudaSuccess ? cudaErrorNoDevice : status));
}

int fail(const TfjsAligCudaError& error, const char* message) {
  if (error.message && error.capacity > 0) {
    std::snprintf(error.message, error.capacity, "%s", message);
  }
  return 1;
}

// Runs one function of the interface: no exception may cross it.
template <class Work>
int guarded(const TfjsAligCudaError& error, const Work& work) {
  try {
    work();
    return 0;
  } catch (const std::exception& exception) {
    return fail(error, exception.what());
  } catch (...) {
    return fail(error, "unknown error");
  }
}

template <class Work>
int guardedOnDevice(const TfjsAligCudaEngine* engine, const TfjsAligCudaError& error,
                    const Work& work) {
  return guarded(error, [&] {
    const CurrentDevice current(engine->device);
    work();
  });
}

}  // namespace
}  // namespace tfjs_alig

using tfjs_alig::checkCuda;
using tfjs_alig::guarded;
using tfjs_alig::guardedOnDevice;

extern "C" {

const char* tfjs_alig_cuda_version() { return TFJS_ALIG_VERSION; }

int tfjs_alig_cuda_device_count(int* count, TfjsAligCudaError error) {
  return guarded(error, [&] {
    *count = 0;
    *count = tfjs_alig::deviceCount();
  });
}

int tfjs_alig_cuda_device(int index, TfjsAligCudaDevice* device, TfjsAligCudaError error) {
  return guarded(error, [&] {
    cudaDeviceProp properties;
    checkCuda(cudaGetDeviceProperties(&properties, index), "asking for the GPU's properties");
    static_assert(sizeof device->name == sizeof properties.name, "names are copied whole");
    std::memcpy(device->name, properties.name, sizeof device->name);
    device->computeCapability = properties.major * 10 + properties.minor;
    device->memoryBytes = properties.totalGlobalMem;
  });
}

int tfjs_alig_cuda_device_of(const void* memory, int* device, TfjsAligCudaError error) {
  return guarded(error, [&] {
    cudaPointerAttributes attributes = {};
    checkCuda(cudaPointerGetAttributes(&attributes, memory), "asking for the GPU of an array");
    if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
      throw std::runtime_error("it is not in a GPU's memory");
    }
    *device = attributes.device;
  });
}

int tfjs_alig_cuda_open(int device, TfjsAligCudaEngine** engine, TfjsAligCudaError error) {
  return guarded(error, [&] {
    *engine = nullptr;
    tfjs_alig::deviceCount();
    const tfjs_alig::CurrentDevice current(device);
    auto opened = std::make_unique<TfjsAligCudaEngine>();
    opened->device = device;
    *engine = opened.release();
  });
}

void tfjs_alig_cuda_close(TfjsAligCudaEngine* engine) {
  if (!engine) return;
  guardedOnDevice(engine, {}, [&] { delete engine; });
}

int tfjs_alig_cuda_allocate(TfjsAligCudaEngine* engine, std::size_t bytes, void** memory,
                            TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] {
    // Never null, also for an empty array: a null gradient says that there is none.
    *memory = engine->engine.allocate(bytes > 0 ? bytes : 1);
  });
}

int tfjs_alig_cuda_free(TfjsAligCudaEngine* engine, void* memory, TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.free(memory); });
}

int tfjs_alig_cuda_free_later(TfjsAligCudaEngine* engine, void* memory, TfjsAligCudaError error) {
  return guarded(error, [&] { engine->engine.freeLater(memory); });
}

int tfjs_alig_cuda_set_zero(TfjsAligCudaEngine* engine, void* memory, std::size_t bytes,
                            TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.setZero(memory, bytes); });
}

int tfjs_alig_cuda_divide(TfjsAligCudaEngine* engine, float* values, std::size_t count,
                          float divisor, TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.divide(values, count, divisor); });
}

int tfjs_alig_cuda_allocate_host(TfjsAligCudaEngine* engine, std::size_t bytes, void** memory,
                                 TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { *memory = engine->engine.allocateHost(bytes); });
}

int tfjs_alig_cuda_upload(TfjsAligCudaEngine* engine, void* to, const void* from, std::size_t bytes,
                          TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.upload(to, from, bytes); });
}

int tfjs_alig_cuda_download(TfjsAligCudaEngine* engine, void* to, const void* from,
                            std::size_t bytes, TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.download(to, from, bytes); });
}

int tfjs_alig_cuda_copy(TfjsAligCudaEngine* engine, void* to, const void* from, std::size_t bytes,
                        TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.copy(to, from, bytes); });
}

int tfjs_alig_cuda_step(TfjsAligCudaEngine* engine, const tfjs_alig::StepTensor* tensors,
                        std::size_t count, const float* loss, float lossValue, const void* input,
                        std::size_t inputWords, tfjs_alig::StepResult* result,
                        TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] {
    tfjs_alig::CudaStepArguments arguments = {};
    arguments.tensors = tensors;
    arguments.count = count;
    arguments.loss = loss;
    arguments.lossValue = lossValue;
    arguments.input = tfjs_alig::readStepInput(input, inputWords);
    arguments.result = result;
    engine->engine.step(arguments);
  });
}

int tfjs_alig_cuda_wait(TfjsAligCudaEngine* engine, TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.wait(); });
}

int tfjs_alig_cuda_follow_device(TfjsAligCudaEngine* engine, TfjsAligCudaError error) {
  return guardedOnDevice(engine, error, [&] { engine->engine.followDevice(); });
}

}  // extern "C"
