// A CUDA engine that does nothing: what is left of a step over arrays on a GPU is the host's share,
// up to the call that enqueues the kernels. Its memory is the host's.
#include <cstdlib>
#include <cstring>

#include "cuda/library.h"

extern "C" {

const char* tfjs_alig_cuda_version() { return TFJS_ALIG_VERSION; }

int tfjs_alig_cuda_device_count(int* count, TfjsAligCudaError) {
  *count = 1;
  return 0;
}

int tfjs_alig_cuda_device(int, TfjsAligCudaDevice* device, TfjsAligCudaError) {
  std::strcpy(device->name, "none");
  device->computeCapability = 90;
  device->memoryBytes = 1 << 30;
  return 0;
}

int tfjs_alig_cuda_device_of(const void*, int* device, TfjsAligCudaError) {
  *device = 0;
  return 0;
}

int tfjs_alig_cuda_open(int, TfjsAligCudaEngine** engine, TfjsAligCudaError) {
  *engine = nullptr;
  return 0;
}

void tfjs_alig_cuda_close(TfjsAligCudaEngine*) {}

int tfjs_alig_cuda_allocate(TfjsAligCudaEngine*, std::size_t bytes, void** memory,
                            TfjsAligCudaError) {
  *memory = std::calloc(bytes + 1, 1);
  return 0;
}

int tfjs_alig_cuda_free(TfjsAligCudaEngine*, void* memory, TfjsAligCudaError) {
  std::free(memory);
  return 0;
}

int tfjs_alig_cuda_free_later(TfjsAligCudaEngine*, void* memory, TfjsAligCudaError) {
  std::free(memory);
  return 0;
}

int tfjs_alig_cuda_set_zero(TfjsAligCudaEngine*, void* memory, std::size_t bytes,
                            TfjsAligCudaError) {
  std::memset(memory, 0, bytes);
  return 0;
}

int tfjs_alig_cuda_divide(TfjsAligCudaEngine*, float*, std::size_t, float, TfjsAligCudaError) {
  return 0;
}

int tfjs_alig_cuda_allocate_host(TfjsAligCudaEngine*, std::size_t bytes, void** memory,
                                 TfjsAligCudaError) {
  *memory = std::calloc(1, bytes);
  return 0;
}

int tfjs_alig_cuda_upload(TfjsAligCudaEngine*, void* to, const void* from, std::size_t bytes,
                          TfjsAligCudaError) {
  std::memcpy(to, from, bytes);
  return 0;
}

int tfjs_alig_cuda_download(TfjsAligCudaEngine*, void* to, const void* from, std::size_t bytes,
                            TfjsAligCudaError) {
  std::memcpy(to, from, bytes);
  return 0;
}

int tfjs_alig_cuda_copy(TfjsAligCudaEngine*, void*, const void*, std::size_t, TfjsAligCudaError) {
  return 0;
}

int tfjs_alig_cuda_step(TfjsAligCudaEngine*, const tfjs_alig::StepTensor*, std::size_t,
                        const float*, float, const void*, std::size_t, tfjs_alig::StepResult*,
                        TfjsAligCudaError) {
  return 0;
}

int tfjs_alig_cuda_wait(TfjsAligCudaEngine*, TfjsAligCudaError) { return 0; }
int tfjs_alig_cuda_follow_device(TfjsAligCudaEngine*, TfjsAligCudaError) { return 0; }
}
