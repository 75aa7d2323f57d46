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

// One step. The caller runs update() and then, if projects(), project(); between the two it may
// give a new buffer to parameters that have no gradient and so were not touched by update().
class CpuStep {
 public:
  // What `input` points to must live as long as the step. Throws std::invalid_argument for a
  // tensor of a group that there is not.
  CpuStep(std::vector<StepTensor> tensors, float loss, const StepInput& input);

  // Measures the gradients, decides the step and updates parameters and state.
  // Returns false where the step was refused: nothing was written, result() says why.
  bool update();

  // Only measures the norm of the parameters, for a projection without a step.
  void measureParameters();

  bool projects() const { return projects_; }
  void project();

  StepTensor& tensor(std::size_t index) { return tensors_[index]; }
  const StepResult& result() const { return result_; }

 private:
  ChunkArguments argumentsOf(const Chunk& chunk) const;
  void measure(const ErasedStep& step, double* sums);
  void finishUpdate(std::vector<double>& sums);

  std::vector<StepTensor> tensors_;
  ChunkList list_;
  StepInput input_;
  float loss_;
  const Kernels& kernels_;
  const RuleKernels& ruleKernels_;
  int threads_;
  double squaredParameterNorm_ = 0.0;
  bool projects_ = false;
  StepResult result_ = {};
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_ENGINE_H_
