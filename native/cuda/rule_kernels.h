// The kernels of the rules as functions that engine.cu launches, and what the stages of a step hand
// each other on the GPU.
#ifndef TFJS_ALIG_CUDA_RULE_KERNELS_H_
#define TFJS_ALIG_CUDA_RULE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "cuda/table.h"
#include "engine/report.h"
#include "rules/l2_ball.h"
#include "rules/rule.h"

namespace tfjs_alig {

// What one stage leaves on the GPU for the next ones; zeros before the first step.
struct StepState {
  double sums[kMostSums];
  StepResult result;    // as far as it is known
  float scale;          // of the projection
  unsigned blocksDone;  // of the launch that runs: NOTE [last block]
  bool refused;
  bool projects;
};

// What a step tells its kernels about groups. Pointers to memory of the GPU, filled by the host but
// for the coefficients.
struct GroupsOnGpu {
  const void* settings;  // Rule::Settings
  const void* groups;    // Group<Rule> of each group; step numbers count from that of the step
  const void*
      measuring;  // Rule::Measuring of each group; nothing, as factors, for rules of one sum
  const double* factors;  // of each group, kSums
  void* numbered;         // the groups with their own step numbers, which decide fills
  void* coefficients;     // Rule::Coefficients of each group, likewise
  int count;
};

struct DecideArguments {
  bool stepWanted;    // false: there is no gradient, only the constraint is applied
  const float* loss;  // null: lossValue
  float lossValue;
  std::int32_t stepNumber;
  Scalars scalars;
  GroupsOnGpu groups;
};

// Where there is no chunk a launch still has one block, for what its last block does.
struct RuleKernels {
  // The rule's sums of each chunk of a gradient, one block a gradient chunk and one list a sum. The
  // last block decides: the coefficients, and what the state says.
  void (*measure)(TableOnGpu table, float maxGradientValue, DecideArguments arguments,
                  ChunkSums sums, StepState* state);
  // New parameters and state, and the sum of squares of each chunk of the new parameters. One block
  // a chunk. A refused step treats each tensor as one without gradient. The last block decides the
  // projection and writes the result.
  void (*update)(TableOnGpu table, float maxGradientValue, const void* coefficients, L2Ball ball,
                 ChunkSums sums, StepState* state, StepResult* result);
};

// In the order of rules/all.h.
const RuleKernels* ruleKernels();

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_RULE_KERNELS_H_
