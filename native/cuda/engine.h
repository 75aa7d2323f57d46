// The engine on a GPU: enqueues the stages of a step on a stream of its own and never waits for
// them. docs/gpu.md says how it works and what has been checked.
#ifndef TFJS_ALIG_CUDA_ENGINE_H_
#define TFJS_ALIG_CUDA_ENGINE_H_

#include <cstddef>
#include <cstdint>

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
  StepResult* result;  // on the GPU
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
  void step(const CudaStepArguments& arguments);
  void wait() const { waitFor(stream_); }

 private:
  // What a step reads from the GPU's memory.
  struct Upload {
    const TableEntry* table;
    std::size_t entries;
    GroupsOnGpu groups;
    std::uint64_t chunks;
    std::uint64_t gradientChunks;
    bool stepWanted;
  };
  struct Sums {
    const double* values;
    unsigned count;
  };

  Upload upload(const CudaStepArguments& arguments);
  Sums shorten(std::uint64_t count, int lists);

  Stream stream_ = newStream();
  // Recorded after an upload: only then may the pinned memory be filled again.
  Event uploaded_ = newEvent();
  Scratch<unsigned char, PinnedSpace> pinned_;
  Scratch<unsigned char, DeviceSpace> uploads_;
  Scratch<float, DeviceSpace> coefficients_;
  Scratch<double, DeviceSpace> sums_;
  Scratch<double, DeviceSpace> shorterSums_;
  Scratch<StepState, DeviceSpace> state_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_ENGINE_H_
