#include "cuda/session.h"

#include <map>
#include <stdexcept>
#include <string>

namespace tfjs_alig {
namespace {

// Slots for results are allocated together: to pin memory takes longer than a small step.
constexpr std::size_t kResultsAtOnce = 256;

}  // namespace

CudaSession& CudaSession::on(int device) {
  static std::mutex mutex;
  static std::map<int, CudaSession*> sessions;
  const std::lock_guard<std::mutex> lock(mutex);
  // A failure is not remembered: memory of the GPU that another process held may be free later.
  const auto found = sessions.find(device);
  if (found != sessions.end()) return *found->second;
  return *(sessions[device] = new CudaSession(device));
}

// NOTE [the GPU of a step]
// TensorFlow counts its GPUs by itself, and leaves out those with few multiprocessors: its GPU:0,
// where it places ops, need not be CUDA's device 0. So CUDA is asked where the arrays lie.
// TensorFlow has put all inputs of an op on one device; an array of each list is asked for all of
// it, as each question takes a lock of the driver.
CudaSession& CudaSession::ofStep(const CudaStep& step) {
  const CudaLibrary& library = cudaLibrary();
  int device = -1;
  std::string askedBefore;
  const auto ask = [&](const std::string& name, const void* memory) {
    int found = -1;
    try {
      callCuda(library.tfjs_alig_cuda_device_of, memory, &found);
    } catch (const std::exception& error) {
      throw std::runtime_error("the step on the GPU was given " + name + ", and " + error.what());
    }
    if (device >= 0 && found != device) {
      throw std::runtime_error(askedBefore + " is on GPU " + std::to_string(device) + " and " +
                               name + " on GPU " + std::to_string(found) +
                               ", but a step runs on one: let the environment variable "
                               "CUDA_VISIBLE_DEVICES name one GPU");
    }
    device = found;
    askedBefore = name;
  };
  const auto askFirst = [&](const std::string& name, auto array) {
    for (std::size_t i = 0; i < step.tensors.size(); ++i) {
      const StepTensor& tensor = step.tensors[i];
      if (tensor.size > 0 && tensor.*array) return ask(name + std::to_string(i), tensor.*array);
    }
  };
  if (step.loss) ask("the loss", step.loss);
  askFirst("parameter ", &StepTensor::parameter);
  askFirst("the gradient of parameter ", &StepTensor::gradient);
  return on(device < 0 ? 0 : device);
}

void CudaSession::divide(float* values, std::size_t elements, float divisor) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_divide, engine_, values, elements, divisor);
}

CudaSession& CudaSession::holding(const float* memory) {
  int device = -1;
  callCuda(cudaLibrary().tfjs_alig_cuda_device_of, static_cast<const void*>(memory), &device);
  return on(device);
}

CudaSession::CudaSession(int device) : library_(cudaLibrary()) {
  callCuda(library_.tfjs_alig_cuda_open, device, &engine_);
}

float* CudaSession::allocate(std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  void* memory = nullptr;
  callCuda(library_.tfjs_alig_cuda_allocate, engine_, elements * sizeof(float), &memory);
  return static_cast<float*>(memory);
}

void CudaSession::free(float* memory) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_free, engine_, memory);
}

void CudaSession::freeLater(float* memory) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_free_later, engine_, memory);
}

void CudaSession::setZero(float* memory, std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_set_zero, engine_, memory, elements * sizeof(float));
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

float* CudaSession::allocateHost(std::size_t elements) {
  const std::lock_guard<std::mutex> lock(mutex_);
  void* memory = nullptr;
  callCuda(library_.tfjs_alig_cuda_allocate_host, engine_, elements * sizeof(float), &memory);
  return static_cast<float*>(memory);
}

void CudaSession::followDevice() {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_follow_device, engine_);
}

void CudaSession::wait() {
  const std::lock_guard<std::mutex> lock(mutex_);
  callCuda(library_.tfjs_alig_cuda_wait, engine_);
}

void CudaSession::step(const CudaStep& step, StepResult* result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  enqueue(step, result);
}

void CudaSession::enqueue(const CudaStep& step, StepResult* result) {
  callCuda(library_.tfjs_alig_cuda_step, engine_, step.tensors.data(), step.tensors.size(),
           step.loss, step.lossValue, step.input, step.inputWords, result);
}

// NOTE [order with TensorFlow]
// TensorFlow refuses its stream to kernels that come through the C API (TF_GetStream: "only
// supported for pluggable devices"), and its streams do not wait for the default stream. So a step
// follows all that the whole device was given before: what it reads is then written, and what held
// the memory of its outputs is then done with it, for TensorFlow hands out memory that work in its
// stream still uses. That is why outputs are allocated before this call. It runs on the engine's
// own stream, and the host waits for that stream after, so that whatever TensorFlow enqueues next
// finds the new values and the report is complete.
StepResult CudaSession::stepInTensorFlow(const CudaStep& step) {
  const std::lock_guard<std::mutex> lock(mutex_);
  StepResult* const slot = takeResultLocked();
  StepResult result;
  try {
    callCuda(library_.tfjs_alig_cuda_follow_device, engine_);
    enqueue(step, slot);
    result = readResultLocked(slot);
  } catch (...) {
    freeResults_.push_back(slot);
    throw;
  }
  freeResults_.push_back(slot);
  return result;
}

StepResult* CudaSession::takeResult() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return takeResultLocked();
}

StepResult* CudaSession::takeResultLocked() {
  if (freeResults_.empty()) {
    // For all that there will be: to give one back must not allocate, a finalizer could not say so.
    freeResults_.reserve(resultCount_ + kResultsAtOnce);
    void* memory = nullptr;
    callCuda(library_.tfjs_alig_cuda_allocate_host, engine_, kResultsAtOnce * sizeof(StepResult),
             &memory);
    auto* const slots = static_cast<StepResult*>(memory);
    for (std::size_t i = 0; i < kResultsAtOnce; ++i) freeResults_.push_back(slots + i);
    resultCount_ += kResultsAtOnce;
  }
  StepResult* const slot = freeResults_.back();
  freeResults_.pop_back();
  return slot;
}

StepResult CudaSession::readResult(const StepResult* result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return readResultLocked(result);
}

StepResult CudaSession::readResultLocked(const StepResult* result) {
  callCuda(library_.tfjs_alig_cuda_wait, engine_);
  return *result;
}

void CudaSession::releaseResult(StepResult* result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  freeResults_.push_back(result);
}

}  // namespace tfjs_alig
