// The kernels of the rules as functions that engine.cu launches, and what the stages of a step hand
// each other on the GPU.
#ifndef TFJS_ALIG_CUDA_RULE_KERNELS_H_
#define TFJS_ALIG_CUDA_RULE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "cuda/table.h"
#include "engine/report.h"
#include "rules/rule.h"

namespace tfjs_alig {

// What one stage leaves on the GPU for the next ones.
struct StepState {
  double sums[kMostSums];
  float scale;  // of the projection
  bool refused;
  bool projects;
};

// What a step tells its kernels about groups. Pointers to memory of the GPU, filled by the host but
// for the coefficients.
struct GroupsOnGpu {
  const void* settings;  // Rule::Settings
  const void* groups;    // Group<Rule> of each group
  const void*
      measuring;  // Rule::Measuring of each group; nothing, as factors, for rules of one sum
  const double* factors;  // of each group, kSums
  void* coefficients;     // Rule::Coefficients of each group, which decide fills
  int count;
};

struct DecideArguments {
  const double* sums;  // a list of `count` for each of the rule's sums, one after the other
  unsigned count;
  bool stepWanted;    // false: there is no gradient, only the constraint is applied
  const float* loss;  // null: lossValue
  float lossValue;
  std::int32_t stepNumber;
  Scalars scalars;
  GroupsOnGpu groups;
};

struct RuleKernels {
  // The rule's sums of each chunk of a gradient, one block a gradient chunk: `sums` gets a list for
  // each sum. Null where |g|^2 is the only one.
  void (*measure)(const TableEntry* table, std::size_t count, GroupsOnGpu groups,
                  float maxGradientValue, double* sums);
  // Decides, in one block.
  void (*decide)(DecideArguments arguments, StepState* state, StepResult* result);
  // New parameters and state, and the sum of squares of each chunk of the new parameters. One block
  // a chunk. A refused step treats each tensor as one without gradient.
  void (*update)(const TableEntry* table, std::size_t count, const void* coefficients,
                 float maxGradientValue, const StepState* state, double* sums);
};

// In the order of rules/all.h.
const RuleKernels* ruleKernels();

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_RULE_KERNELS_H_
