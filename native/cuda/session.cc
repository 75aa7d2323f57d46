#include "cuda/session.h"

namespace tfjs_alig {
namespace {

// Slots for results are allocated together: cudaMalloc takes longer than a small step.
constexpr std::size_t kResultsAtOnce = 256;

}  // namespace

CudaSession& CudaSession::instance() {
  // A failure is not remembered: memory of the GPU that another process held may be free later.
  static CudaSession* const session = new CudaSession(0);
  return *session;
}

CudaSession::CudaSession(int device) : library_(cudaLibrary()) {
  callCuda(library_.tfjs_alig_cuda_open, device, &engine_);
}

float* CudaSession::allocate(std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return allocateLocked(elements);
}

float* CudaSession::allocateLocked(std::size_t elements) {
  void* memory = nullptr;
  callCuda(library_.tfjs_alig_cuda_allocate, engine_, elements * sizeof(float), &memory);
  return static_cast<float*>(memory);
}

void CudaSession::free(float* memory) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_free, engine_, memory);
}

void CudaSession::upload(float* to, const float* from, std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_upload, engine_, to, from, elements * sizeof(float));
}

void CudaSession::download(float* to, const float* from, std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_download, engine_, to, from, elements * sizeof(float));
}

void CudaSession::copy(float* to, const float* from, std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_copy, engine_, to, from, elements * sizeof(float));
}

void CudaSession::step(const CudaStep& step, float* result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  enqueue(step, result);
}

void CudaSession::enqueue(const CudaStep& step, float* result) {
  callCuda(library_.tfjs_alig_cuda_step, engine_, step.tensors.data(), step.tensors.size(),
           step.loss, step.lossValue, step.input, step.inputWords, result);
}

// NOTE [order with TensorFlow]
// TensorFlow refuses its stream to kernels that come through the C API (TF_GetStream: "only
// supported for pluggable devices"), and its streams do not wait for the default stream. So a step
// waits for the whole device before: what it reads is then written, and what held the memory of its
// outputs is then done with it, for TensorFlow hands out memory that work in its stream still uses.
// That is why outputs are allocated before this call. It runs on the engine's own stream and waits
// for that stream after, so that whatever TensorFlow enqueues next finds the new values.
StepResult CudaSession::stepInTensorFlow(const CudaStep& step) {
  const std::lock_guard<std::mutex> lock(mutex_);
  float* const slot = takeResultLocked();
  StepResult result;
  try {
    callCuda(library_.tfjs_alig_cuda_wait_for_device, engine_);
    enqueue(step, slot);
    // Waits for the stream, and so for the step: 64 bytes are all that ever leaves the GPU.
    callCuda(library_.tfjs_alig_cuda_download, engine_, &result, slot, sizeof result);
  } catch (...) {
    freeResults_.push_back(slot);
    throw;
  }
  freeResults_.push_back(slot);
  return result;
}

float* CudaSession::takeResult() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return takeResultLocked();
}

float* CudaSession::takeResultLocked() {
  if (freeResults_.empty()) {
    // For all that there will be: to give one back must not allocate, a finalizer could not say so.
    freeResults_.reserve(resultCount_ + kResultsAtOnce);
    float* const slots = allocateLocked(kResultsAtOnce * kResultWords);
    for (std::size_t i = 0; i < kResultsAtOnce; ++i) {
      freeResults_.push_back(slots + i * kResultWords);
    }
    resultCount_ += kResultsAtOnce;
  }
  float* const slot = freeResults_.back();
  freeResults_.pop_back();
  return slot;
}

void CudaSession::releaseResult(float* result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  freeResults_.push_back(result);
}

}  // namespace tfjs_alig
