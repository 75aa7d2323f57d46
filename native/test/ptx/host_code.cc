// What the host code that nvcc makes calls of the CUDA runtime to register and launch its kernels:
// they are the translated ones here. All else of the runtime is in simt/runtime.cc.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ptx/kernel.h"

namespace ptx {
namespace {

std::map<std::string, Kernel>& translatedKernels() {
  static std::map<std::string, Kernel> kernels;
  return kernels;
}

// By the address of the function that stands for the kernel on the host.
std::map<const void*, std::string>& registeredKernels() {
  static std::map<const void*, std::string> kernels;
  return kernels;
}

[[noreturn]] void failLoudly(const std::string& what) {
  std::fprintf(stderr, "PTX error: %s\n", what.c_str());
  std::_Exit(86);
}

// The values of a launch's parameters, copied as CUDA does.
using Parameters = std::vector<std::vector<unsigned char>>;

}  // namespace

Registration::Registration(Kernel kernel) {
  const std::string name = kernel.name;
  if (!translatedKernels().emplace(name, std::move(kernel)).second) {
    failLoudly("two kernels have the name " + name);
  }
}

}  // namespace ptx

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* hostFunction, char*, const char* deviceName, int,
                            uint3*, uint3*, dim3*, dim3*, int*) {
  ptx::registeredKernels()[hostFunction] = deviceName;
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* configuration, const void* function,
                                void** arguments) {
  const auto registered = ptx::registeredKernels().find(function);
  if (registered == ptx::registeredKernels().end()) return cudaErrorInvalidDeviceFunction;
  const auto translated = ptx::translatedKernels().find(registered->second);
  if (translated == ptx::translatedKernels().end()) {
    ptx::failLoudly("no PTX was translated for the kernel " + registered->second);
  }
  const ptx::Kernel& kernel = translated->second;
  const dim3 block = configuration->blockDim;
  if (block.x * block.y * block.z > kernel.mostThreads) return cudaErrorInvalidConfiguration;
  const auto copies = std::make_shared<ptx::Parameters>();
  for (std::size_t i = 0; i < kernel.parameterBytes.size(); ++i) {
    const auto* const bytes = static_cast<const unsigned char*>(arguments[i]);
    copies->emplace_back(bytes, bytes + kernel.parameterBytes[i]);
  }
  std::vector<const void*> parameters;
  for (const auto& copy : *copies) parameters.push_back(copy.data());
  return simt::enqueueLaunch(*configuration,
                             [run = kernel.run, copies, parameters] { run(parameters.data()); });
}

// Of kernel<<<...>>>(...), which the engine does not use.
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, void*) {
  ptx::failLoudly("launches by <<<>>> are not known");
}
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) {
  ptx::failLoudly("launches by <<<>>> are not known");
}
cudaError_t __cudaGetKernel(void**, const void*) {
  ptx::failLoudly("launches by <<<>>> are not known");
}
cudaError_t __cudaLaunchKernel(void*, dim3, dim3, void**, std::size_t, cudaStream_t) {
  ptx::failLoudly("launches by <<<>>> are not known");
}

}  // extern "C"
