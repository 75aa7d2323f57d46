// The engine on a GPU: enqueues the stages of a step on a stream of its own and never waits for
// them. docs/gpu.md says how it works and what has been checked.
#ifndef TFJS_ALIG_CUDA_ENGINE_H_
#define TFJS_ALIG_CUDA_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/rule_kernels.h"
#include "cuda/runtime.h"
#include "cuda/table.h"
#include "engine/report.h"
#include "engine/step_input.h"
#include "engine/tensors.h"

namespace tfjs_alig {

struct CudaStepArguments {
  const StepTensor* tensors;
  std::size_t count;
  const float* loss;  // on the GPU; null: lossValue
  float lossValue;
  StepInput input;
  StepResult* result;  // in pinned memory
};

// All functions expect the engine's GPU to be the current one (CurrentDevice).
class CudaEngine {
 public:
  CudaEngine();
  ~CudaEngine();
  CudaEngine(const CudaEngine&) = delete;
  CudaEngine& operator=(const CudaEngine&) = delete;

  void upload(void* to, const void* from, std::size_t bytes);
  void download(void* to, const void* from, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);
  void setZero(void* memory, std::size_t bytes);
  void divide(float* values, std::size_t count, float divisor);

  void* allocate(std::size_t bytes);
  void free(void* memory);
  // Never waits: `wait` or `allocate` frees it.
  void freeLater(void* memory) { toBeFreed_.push_back(memory); }
  // Pinned memory, which lives as long as the engine.
  void* allocateHost(std::size_t bytes);

  void step(const CudaStepArguments& arguments);
  // What comes next comes after all that the GPU was given so far, in any stream.
  void followDevice() const;
  void wait();

 private:
  // What a step reads from the GPU's memory.
  struct Upload {
    TableOnGpu table;
    GroupsOnGpu groups;
    unsigned chunks;
    unsigned gradientChunks;
    bool stepWanted;
  };

  Upload upload(const CudaStepArguments& arguments);
  void uploadChanges(std::size_t bytes, std::size_t tableOffset);

  Stream stream_ = newStream();
  // Recorded after an upload: only then may the pinned memory be filled again.
  Event uploaded_ = newEvent();
  // Recorded by followDevice.
  Event ofDevice_ = newEvent();
  // The upload that a step wants; what was uploaded last, in pinned memory; and that on the GPU.
  std::vector<unsigned char> wanted_;
  Scratch<unsigned char, PinnedSpace> pinned_;
  std::size_t pinnedBytes_ = 0;
  Scratch<unsigned char, DeviceSpace> uploads_;
  Scratch<float, DeviceSpace> numberedGroups_;
  Scratch<float, DeviceSpace> coefficients_;
  Scratch<double, DeviceSpace> sums_;
  Scratch<double, DeviceSpace> sumsOfParts_;
  Scratch<StepState, DeviceSpace> state_;
  std::vector<Scratch<unsigned char, PinnedSpace>> hostMemory_;
  std::size_t allocations_ = 0;  // that are not freed yet
  std::vector<void*> toBeFreed_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_ENGINE_H_
