// The engine on a GPU: enqueues the stages of a step on a stream of its own and never waits for
// them. docs/gpu.md says how it works and what has been checked.
#ifndef TFJS_ALIG_CUDA_ENGINE_H_
#define TFJS_ALIG_CUDA_ENGINE_H_

#include <cstddef>
#include <cstdint>

#include "cuda/runtime.h"
#include "cuda/table.h"
#include "engine/report.h"
#include "engine/step_input.h"
#include "engine/tensors.h"

namespace tfjs_alig {

struct StepState;

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
  struct Table {
    std::size_t entries = 0;
    std::uint64_t chunks = 0;
    std::uint64_t gradientChunks = 0;
    bool stepWanted = false;
  };
  struct Sums {
    const double* values;
    unsigned count;
  };

  Table uploadTable(const CudaStepArguments& arguments);
  Sums shorten(std::uint64_t count);
  void update(AliG::Form form, const Table& table);

  Stream stream_ = newStream();
  // Recorded after the upload of a table: only then may the pinned one be filled again.
  Event uploaded_ = newEvent();
  Scratch<TableEntry, PinnedSpace> pinnedTable_;
  Scratch<TableEntry, DeviceSpace> table_;
  Scratch<double, DeviceSpace> sums_;
  Scratch<double, DeviceSpace> shorterSums_;
  Scratch<StepState, DeviceSpace> state_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_ENGINE_H_
