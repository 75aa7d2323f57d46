// What the engine takes from the CUDA runtime, each call checked and each resource owned.
#ifndef TFJS_ALIG_CUDA_RUNTIME_H_
#define TFJS_ALIG_CUDA_RUNTIME_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

namespace tfjs_alig {

// Throws an error that names what was tried and what CUDA says about it.
inline void checkCuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  // CUDA remembers an error until it is asked for it; the next call must not be blamed for this.
  cudaGetLastError();
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status) + " (" +
                           cudaGetErrorName(status) + ")");
}

// Makes a GPU the calling thread's current one, and puts the one before back: the thread may be one
// of TensorFlow's.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) {
    checkCuda(cudaGetDevice(&before_), "asking for the current GPU");
    if (device != before_) checkCuda(cudaSetDevice(device), "choosing the GPU");
    changed_ = device != before_;
  }
  ~CurrentDevice() {
    if (changed_) cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

struct StreamDeleter {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
using Stream = std::unique_ptr<CUstream_st, StreamDeleter>;

// Not ordered with the default stream: other work of the process must not hold up a step.
inline Stream newStream() {
  cudaStream_t stream = nullptr;
  checkCuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

struct EventDeleter {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
using Event = std::unique_ptr<CUevent_st, EventDeleter>;

inline Event newEvent() {
  cudaEvent_t event = nullptr;
  checkCuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return Event(event);
}

inline void waitFor(const Stream& stream) {
  checkCuda(cudaStreamSynchronize(stream.get()), "waiting for the GPU");
}

struct DeviceSpace {
  static constexpr const char* kAllocating = "allocating memory of the GPU";
  static cudaError_t allocate(void** memory, std::size_t bytes) {
    return cudaMalloc(memory, bytes);
  }
  static void free(void* memory) { cudaFree(memory); }
};

// Memory of the host that the GPU reads and writes by itself: copies make no stop at a staging
// buffer, and kernels have its address.
struct PinnedSpace {
  static constexpr const char* kAllocating = "allocating pinned memory";
  static cudaError_t allocate(void** memory, std::size_t bytes) {
    return cudaMallocHost(memory, bytes);
  }
  static void free(void* memory) { cudaFreeHost(memory); }
};

// An array that is used again by every step. It grows to twice its size at least, so that a list
// of tensors that grows one by one does not allocate in each step.
template <class Element, class Space>
class Scratch {
 public:
  // Whether it had to grow: what the array held is then lost. Work of the stream may still use the
  // old memory.
  bool reserve(std::size_t count, const Stream& stream) {
    if (count <= capacity_) return false;
    if (data_) waitFor(stream);
    const std::size_t capacity = count > 2 * capacity_ ? count : 2 * capacity_;
    capacity_ = 0;
    data_.reset();
    void* memory = nullptr;
    checkCuda(Space::allocate(&memory, capacity * sizeof(Element)), Space::kAllocating);
    data_.reset(static_cast<Element*>(memory));
    capacity_ = capacity;
    return true;
  }

  Element* data() const { return data_.get(); }

 private:
  struct Deleter {
    void operator()(Element* data) const { Space::free(data); }
  };

  std::unique_ptr<Element, Deleter> data_;
  std::size_t capacity_ = 0;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_RUNTIME_H_
