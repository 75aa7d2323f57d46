// The C interface of the CUDA engine, a shared library of its own (libtfjs_alig_cuda.so) that the
// add-on loads at run time, so that one package serves machines with and without a GPU.
#ifndef TFJS_ALIG_CUDA_LIBRARY_H_
#define TFJS_ALIG_CUDA_LIBRARY_H_

#include <cstddef>

#include "engine/report.h"
#include "engine/tensors.h"

extern "C" {

struct TfjsAligCudaEngine;

// Every function that can fail returns 0, or not 0 and a message (cut to `capacity`, ended with 0).
struct TfjsAligCudaError {
  char* message;
  std::size_t capacity;
};

// The package's version that the library was compiled from.
const char* tfjs_alig_cuda_version();

// How many GPUs this process can use; an error says why none (no driver, driver too old, no GPU).
int tfjs_alig_cuda_device_count(int* count, TfjsAligCudaError error);

// Name, compute capability as major * 10 + minor, and memory of a GPU.
struct TfjsAligCudaDevice {
  char name[256];
  int computeCapability;
  std::size_t memoryBytes;
};
int tfjs_alig_cuda_device(int index, TfjsAligCudaDevice* device, TfjsAligCudaError error);

// The GPU that memory lies on, of this process or of TensorFlow; an error where it is no GPU's.
int tfjs_alig_cuda_device_of(const void* memory, int* device, TfjsAligCudaError error);

// An engine owns a stream and scratch memory of one GPU. One thread at a time may use it.
int tfjs_alig_cuda_open(int device, TfjsAligCudaEngine** engine, TfjsAligCudaError error);
void tfjs_alig_cuda_close(TfjsAligCudaEngine* engine);

// Memory of the engine's GPU. Copies are ordered with the steps and have finished on return.
int tfjs_alig_cuda_allocate(TfjsAligCudaEngine* engine, std::size_t bytes, void** memory,
                            TfjsAligCudaError error);
// Waits for the steps that use the memory.
int tfjs_alig_cuda_free(TfjsAligCudaEngine* engine, void* memory, TfjsAligCudaError error);
// Waits for nothing: the memory is freed when the engine next waits for its steps or allocates.
int tfjs_alig_cuda_free_later(TfjsAligCudaEngine* engine, void* memory, TfjsAligCudaError error);
// Enqueues that the memory becomes zeros and returns without waiting for it.
int tfjs_alig_cuda_set_zero(TfjsAligCudaEngine* engine, void* memory, std::size_t bytes,
                            TfjsAligCudaError error);
int tfjs_alig_cuda_upload(TfjsAligCudaEngine* engine, void* to, const void* from, std::size_t bytes,
                          TfjsAligCudaError error);
int tfjs_alig_cuda_download(TfjsAligCudaEngine* engine, void* to, const void* from,
                            std::size_t bytes, TfjsAligCudaError error);

// Enqueues a copy within the GPU's memory, or between it and that of tfjs_alig_cuda_allocate_host,
// and returns without waiting for it.
int tfjs_alig_cuda_copy(TfjsAligCudaEngine* engine, void* to, const void* from, std::size_t bytes,
                        TfjsAligCudaError error);

// Enqueues that each element becomes its quotient.
int tfjs_alig_cuda_divide(TfjsAligCudaEngine* engine, float* values, std::size_t count,
                          float divisor, TfjsAligCudaError error);

// Memory of the host that the GPU reads and writes by itself: for results of steps, and for copies
// that nobody waits for. It belongs to the engine and goes with it.
int tfjs_alig_cuda_allocate_host(TfjsAligCudaEngine* engine, std::size_t bytes, void** memory,
                                 TfjsAligCudaError error);

// Enqueues one step on the engine's stream and returns without waiting for it. The pointers in
// `tensors` are device pointers, the list itself is on the host and may be freed on return.
//  - loss: a device pointer to one float, or null for lossValue;
//  - input: `inputWords` words of engine/step_input.h, on the host, which may be freed on return;
//  - result: in memory of tfjs_alig_cuda_allocate_host, to be read after tfjs_alig_cuda_wait.
// In place (newParameter == parameter) a refused step writes nothing but the result. Out of place
// the new arrays always get values: the old ones where the step was refused or a tensor has no
// gradient. Without any gradient only the constraint is applied.
int tfjs_alig_cuda_step(TfjsAligCudaEngine* engine, const tfjs_alig::StepTensor* tensors,
                        std::size_t count, const float* loss, float lossValue, const void* input,
                        std::size_t inputWords, tfjs_alig::StepResult* result,
                        TfjsAligCudaError error);

// Waits until all that was enqueued on the engine's stream is done.
int tfjs_alig_cuda_wait(TfjsAligCudaEngine* engine, TfjsAligCudaError error);

// What is enqueued next comes after all work that the whole device has been given so far, in other
// streams too: before a step whose inputs come from TensorFlow, whose streams are not known (NOTE
// [order with TensorFlow]). With a driver for CUDA 12.5 or later the host does not wait.
int tfjs_alig_cuda_follow_device(TfjsAligCudaEngine* engine, TfjsAligCudaError error);

}  // extern "C"

#endif  // TFJS_ALIG_CUDA_LIBRARY_H_
