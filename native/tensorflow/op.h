// What the package's TensorFlow ops have in common: tensors, failures, names, registration.
#ifndef TFJS_ALIG_TENSORFLOW_OP_H_
#define TFJS_ALIG_TENSORFLOW_OP_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/no_memory.h"
#include "tensorflow/c_api.h"

namespace tfjs_alig {

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { tensorFlow().TF_DeleteTensor(tensor); }
};
using TensorPointer = std::unique_ptr<TF_Tensor, TensorDeleter>;

class Status {
 public:
  Status() : status_(tensorFlow().TF_NewStatus()) {}
  ~Status() { tensorFlow().TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  operator TF_Status*() { return status_; }
  void check(const char* what) const {
    if (tensorFlow().TF_GetCode(status_) != TF_OK) {
      throw std::runtime_error(std::string(what) + ": " + tensorFlow().TF_Message(status_));
    }
  }
  void set(const char* message) { tensorFlow().TF_SetStatus(status_, TF_INTERNAL, message); }

 private:
  TF_Status* status_;
};

inline float* floats(const TF_Tensor* tensor) {
  return static_cast<float*>(tensorFlow().TF_TensorData(tensor));
}

inline const std::int32_t* words(const TF_Tensor* tensor) {
  return static_cast<const std::int32_t*>(tensorFlow().TF_TensorData(tensor));
}

inline std::size_t wordCount(const TF_Tensor* tensor) {
  return tensorFlow().TF_TensorByteSize(tensor) / sizeof(std::int32_t);
}

std::vector<std::int64_t> shapeOf(const TF_Tensor* tensor);

// A tensor of the same shape over a buffer of the pool.
TensorPointer pooledLike(const TF_Tensor* tensor);

TensorPointer inputOf(TF_OpKernelContext* context, std::size_t index);

// Where a run of an op's kernel puts its results.
class Outputs {
 public:
  explicit Outputs(TF_OpKernelContext* context) : context_(context) {}

  void set(std::size_t index, const TF_Tensor* tensor);
  // A new tensor from TensorFlow's allocator, on the kernel's device unless it is in host memory.
  TensorPointer allocate(std::size_t index, TF_DataType type,
                         const std::vector<std::int64_t>& shape, std::size_t bytes);
  TensorPointer allocateLike(std::size_t index, const TF_Tensor* tensor);

 private:
  TF_OpKernelContext* context_;
  Status status_;
};

std::int32_t attributeOf(TF_OpKernelConstruction* construction, const char* name);

// Runs what makes a kernel, and tells TensorFlow what it throws.
template <class Make>
void* createReporting(TF_OpKernelConstruction* construction, Make make) {
  try {
    return make();
  } catch (const std::exception& error) {
    Status status;
    status.set(error.what());
    tensorFlow().TF_OpKernelConstruction_Failure(construction, status);
    return nullptr;
  }
}

// Runs what a kernel computes, and tells TensorFlow what it throws.
template <class Compute>
void computeReporting(TF_OpKernelContext* context, Compute compute) {
  try {
    compute();
  } catch (const std::bad_alloc&) {
    Status status;
    status.set(kNoMemory);
    tensorFlow().TF_OpKernelContext_Failure(context, status);
  } catch (const std::exception& error) {
    Status status;
    status.set(error.what());
    tensorFlow().TF_OpKernelContext_Failure(context, status);
  }
}

// An op's name, which is this copy's alone: the registry belongs to the process, other copies of
// the package (of another version, or the same one twice) may be loaded in it, and to register a
// name a second time ends the process. No lock of ours holds another copy off, so that asking the
// registry first would not do: its worker thread may register between the answer and our turn.
std::string nameOfThisCopy(const char* kind);

struct OpDefinition {
  std::vector<const char*> attributes;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*>
      hostMemory;  // the inputs and outputs that a GPU's kernel has on the host
};

struct OpKernel {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

// The kernel whose state `create` makes, and which is run with it.
template <class State, void (*kRun)(const State&, TF_OpKernelContext*)>
OpKernel kernelOf(void* (*create)(TF_OpKernelConstruction*)) {
  return {create,
          [](void* state, TF_OpKernelContext* context) {
            computeReporting(context, [&] { kRun(*static_cast<const State*>(state), context); });
          },
          [](void* state) { delete static_cast<State*>(state); }};
}

// An op with a kernel for the CPU and one that runs the CUDA engine.
struct OpOnDevices {
  std::string name;
  const OpDefinition& definition;
  OpKernel onCpu;
  OpKernel onGpu;
};

// Registers the op and its kernel for the CPU, unless that was done before: a second op of a name
// would end the process, a second kernel would make it ambiguous. Returns the op's name. Safe from
// several threads. Throws std::runtime_error with the reason where it can't be done.
std::string registerOnCpu(const OpOnDevices& op);

// The same with the kernel that runs the CUDA engine, on the device type "GPU". "CPU" is for tests
// without a GPU, whose library runs on the CPU: an op of another name, with that kernel on
// TensorFlow's CPU device. Throws std::runtime_error also where there is no GPU.
std::string registerOnGpu(const OpOnDevices& op, const std::string& deviceType);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_OP_H_
