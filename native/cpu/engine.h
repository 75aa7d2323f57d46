// The engine on the CPU: the four stages of a step over one list of chunks of all tensors.
#ifndef TFJS_ALIG_CPU_ENGINE_H_
#define TFJS_ALIG_CPU_ENGINE_H_

#include <cstddef>
#include <vector>

#include "cpu/kernels.h"
#include "engine/report.h"
#include "engine/step_input.h"
#include "engine/tensors.h"

namespace tfjs_alig {

// What makes the sums of chunks those of a whole step where the step has a part of the chunks
// alone, as ranks do that share the state.
class OtherChunks {
 public:
  virtual ~OtherChunks() = default;
  // The sums of all chunks, in the order of the whole step; those of gradients leave out tensors
  // that have none.
  virtual std::vector<double>& with(const std::vector<double>& own, bool ofGradients) = 0;
};

// How many threads a step over so many parameters takes.
int usefulThreads(std::size_t elements);

// NOTE [nothing is half done]
// Whatever a step can fail for it fails for before it writes: every allocation, of an engine's own
// lists, of the tensors that it makes and of its result, comes before the first write to a
// parameter or an array of state. State is written in place, so that nothing could take it back.
//
// One step. The caller runs decide() and, if the step is taken, update(), or measureParameters()
// for a projection without a step; then, if projects(), project(). update() and project() cannot
// fail, but where there are other chunks.
class CpuStep {
 public:
  // What `input` points to must live as long as the step, and so must `others`; null: these are all
  // chunks. Throws std::invalid_argument for a tensor of a group that there is not.
  CpuStep(std::vector<StepTensor> tensors, float loss, const StepInput& input,
          OtherChunks* others = nullptr);

  // Measures the gradients and decides the step. Returns false where it is refused: there is
  // nothing to update then, and result() says why.
  bool decide();
  void update();

  // Only measures the norm of the parameters, for a projection without a step.
  void measureParameters();

  bool projects() const { return projects_; }
  void project();

  const StepResult& result() const { return result_; }

 private:
  ChunkArguments argumentsOf(const Chunk& chunk) const;
  void measure(const ErasedStep& step, double* sums);
  void finishUpdate();
  double sumOf(std::vector<double>& ofChunks, bool ofGradients);

  std::vector<StepTensor> tensors_;
  ChunkList list_;
  StepInput input_;
  OtherChunks* others_;
  float loss_;
  const Kernels& kernels_;
  const RuleKernels& ruleKernels_;
  int threads_;
  std::vector<unsigned char> coefficients_;  // of each group
  std::vector<double> chunkSums_;
  double squaredParameterNorm_ = 0.0;
  bool projects_ = false;
  StepResult result_ = {};
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_ENGINE_H_
