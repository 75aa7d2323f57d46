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

// How many threads a step over so many parameters takes.
int usefulThreads(std::size_t elements);

// NOTE [nothing is half done]
// Whatever a step can fail for it fails for before it writes: every allocation, of an engine's own
// lists, of the tensors that it makes and of its result, comes before the first write to a
// parameter or an array of state. State is written in place, so that nothing could take it back.
//
// One step. The caller runs decide() and, if the step is taken, update(), or measureParameters()
// for a projection without a step; then, if projects(), project(). update() and project() cannot
// fail.
class CpuStep {
 public:
  // What `input` points to must live as long as the step. Throws std::invalid_argument for a
  // tensor of a group that there is not.
  CpuStep(std::vector<StepTensor> tensors, float loss, const StepInput& input);

  // Measures the gradients and decides the step. Returns false where it is refused: there is
  // nothing to update then, and result() says why.
  bool decide();
  void update();

  // Only measures the norm of the parameters, for a projection without a step.
  void measureParameters();

  bool projects() const { return projects_; }
  void project();

  const StepTensor& tensor(std::size_t index) const { return tensors_[index]; }
  const StepResult& result() const { return result_; }

 private:
  ChunkArguments argumentsOf(const Chunk& chunk) const;
  void measure(const ErasedStep& step, double* sums);
  void finishUpdate();

  std::vector<StepTensor> tensors_;
  ChunkList list_;
  StepInput input_;
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
