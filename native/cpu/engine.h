// The engine on the CPU: the four stages of a step over one list of chunks of all tensors.
#ifndef TFJS_ALIG_CPU_ENGINE_H_
#define TFJS_ALIG_CPU_ENGINE_H_

#include <cstddef>
#include <vector>

#include "cpu/kernels.h"
#include "engine/report.h"
#include "engine/tensors.h"
#include "rules/alig.h"
#include "rules/l2_ball.h"

namespace tfjs_alig {

// How many threads a step over so many parameters takes.
int usefulThreads(std::size_t elements);

// One step. The caller runs update() and then, if projects(), project(); between the two it may
// give a new buffer to parameters that have no gradient and so were not touched by update().
class CpuStep {
 public:
  CpuStep(std::vector<StepTensor> tensors, float loss, const AliG::Settings& settings,
          const L2Ball& ball);

  // Measures the gradients, decides the step size and updates parameters and velocities.
  // Returns false where the step was refused: nothing was written, report() says why.
  bool update();

  // Only measures the norm of the parameters, for a projection without a step.
  void measureParameters();

  bool projects() const { return projects_; }
  void project();

  StepTensor& tensor(std::size_t index) { return tensors_[index]; }
  const StepReport& report() const { return report_; }

 private:
  void refuse(StepStatus status);
  void finishUpdate(std::vector<double>& sums);

  std::vector<StepTensor> tensors_;
  ChunkList list_;
  AliG::Settings settings_;
  L2Ball ball_;
  const Kernels& kernels_;
  int threads_;
  double squaredParameterNorm_ = 0.0;
  bool projects_ = false;
  StepReport report_ = {};
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_ENGINE_H_
