#include "cuda/session.h"

namespace tfjs_alig {
namespace {

// Slots for reports are allocated together: cudaMalloc takes longer than a small step.
constexpr std::size_t kReportsAtOnce = 256;

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

void CudaSession::step(const CudaStep& step, float* report) {
  const std::lock_guard<std::mutex> lock(mutex_);
  enqueue(step, report);
}

void CudaSession::enqueue(const CudaStep& step, float* report) {
  callCuda(library_.tfjs_alig_cuda_step, engine_, step.tensors.data(), step.tensors.size(),
           step.loss, step.lossValue, step.settings, report);
}

// NOTE [order with TensorFlow]
// TensorFlow refuses its stream to kernels that come through the C API (TF_GetStream: "only
// supported for pluggable devices"), and its streams do not wait for the default stream. So a step
// waits for the whole device before: what it reads is then written, and what held the memory of its
// outputs is then done with it, for TensorFlow hands out memory that work in its stream still uses.
// That is why outputs are allocated before this call. It runs on the engine's own stream and waits
// for that stream after, so that whatever TensorFlow enqueues next finds the new values.
StepReport CudaSession::stepInTensorFlow(const CudaStep& step) {
  const std::lock_guard<std::mutex> lock(mutex_);
  float* const slot = takeReportLocked();
  StepReport report;
  try {
    callCuda(library_.tfjs_alig_cuda_wait_for_device, engine_);
    enqueue(step, slot);
    // Waits for the stream, and so for the step: 32 bytes are all that ever leaves the GPU.
    callCuda(library_.tfjs_alig_cuda_download, engine_, &report, slot, sizeof report);
  } catch (...) {
    freeReports_.push_back(slot);
    throw;
  }
  freeReports_.push_back(slot);
  return report;
}

float* CudaSession::takeReport() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return takeReportLocked();
}

float* CudaSession::takeReportLocked() {
  if (freeReports_.empty()) {
    float* const slots = allocateLocked(kReportsAtOnce * kReportFields);
    for (std::size_t i = 0; i < kReportsAtOnce; ++i) {
      freeReports_.push_back(slots + i * kReportFields);
    }
  }
  float* const slot = freeReports_.back();
  freeReports_.pop_back();
  return slot;
}

void CudaSession::releaseReport(float* report) {
  const std::lock_guard<std::mutex> lock(mutex_);
  freeReports_.push_back(report);
}

}  // namespace tfjs_alig
