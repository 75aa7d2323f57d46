// The one engine that a process has on each GPU, shared by device buffers and by the TensorFlow op.
#ifndef TFJS_ALIG_CUDA_SESSION_H_
#define TFJS_ALIG_CUDA_SESSION_H_

#include <cstddef>
#include <mutex>
#include <vector>

#include "cuda/loaded_library.h"
#include "engine/report.h"
#include "engine/tensors.h"

namespace tfjs_alig {

struct CudaStep {
  const std::vector<StepTensor>& tensors;  // of device pointers
  const float* loss;                       // on the GPU; null: lossValue
  float lossValue;
  const void* input;  // of engine/step_input.h, on the host
  std::size_t inputWords;
};

// Safe from several threads: calls take turns, because an engine serves one thread at a time.
// Every function throws std::runtime_error with what CUDA says.
class CudaSession {
 public:
  // That of device buffers, on GPU 0: CUDA_VISIBLE_DEVICES chooses which one that is. It is never
  // destroyed: JavaScript may give memory back at exit. Throws std::runtime_error with the reason
  // where there is no GPU.
  static CudaSession& instance() { return on(0); }

  // That of the GPU on which TensorFlow has put what a step reads: NOTE [the GPU of a step]. Throws
  // std::runtime_error where arrays lie on several, or on none.
  static CudaSession& ofStep(const CudaStep& step);

  // That of the GPU with this memory.
  static CudaSession& holding(const float* memory);

  float* allocate(std::size_t elements);
  // Waits for steps that use the memory.
  void free(float* memory);
  // Never waits: the memory is freed when something waits for the steps, or allocates.
  void freeLater(float* memory);
  // Enqueues that the memory becomes zeros.
  void setZero(float* memory, std::size_t elements);
  void upload(float* to, const float* from, std::size_t elements);
  void download(float* to, const float* from, std::size_t elements);
  // Enqueues a copy on the GPU, or between it and memory of allocateHost.
  void copy(float* to, const float* from, std::size_t elements);

  // Enqueues that each element becomes its quotient.
  void divide(float* values, std::size_t elements, float divisor);

  // Memory of the host that the GPU reads and writes by itself, for as long as the process lives.
  float* allocateHost(std::size_t elements);
  // What is enqueued next comes after all that the GPU was given: NOTE [order with TensorFlow].
  void followDevice();
  // Waits for all that was enqueued.
  void wait();

  // Enqueues a step; `result` is a slot of takeResult.
  void step(const CudaStep& step, StepResult* result);
  // Makes a step after all else that the GPU was given, and waits for its end: NOTE [order with
  // TensorFlow].
  StepResult stepInTensorFlow(const CudaStep& step);

  // A place for one result, which the GPU writes.
  StepResult* takeResult();
  // Waits for the steps, and reads the result of one of them.
  StepResult readResult(const StepResult* result);
  void releaseResult(StepResult* result);

 private:
  static CudaSession& on(int device);

  explicit CudaSession(int device);
  void enqueue(const CudaStep& step, StepResult* result);
  StepResult* takeResultLocked();
  StepResult readResultLocked(const StepResult* result);

  std::mutex mutex_;
  const CudaLibrary& library_;
  TfjsAligCudaEngine* engine_ = nullptr;
  std::vector<StepResult*> freeResults_;
  std::size_t resultCount_ = 0;  // free or taken
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_SESSION_H_
