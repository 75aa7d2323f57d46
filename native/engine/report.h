// What a step tells its caller. lib/rules/result.ts reads it.
#ifndef TFJS_ALIG_ENGINE_REPORT_H_
#define TFJS_ALIG_ENGINE_REPORT_H_

#include "rules/rule.h"

namespace tfjs_alig {

enum class StepStatus {
  kTaken = 0,
  // Refused: nothing was written.
  kLossNotFinite = 1,
  kGradientNotFinite = 2,
  kStepSizeNotFinite = 3,
  // Taken, but a new parameter is infinite or NaN.
  kParameterOverflow = 4,
  // Refused: a sum over parameters or state is infinite or NaN.
  kSumNotFinite = 5,
};

struct StepReport {
  float status;
  float loss;
  float stepSize;
  float unclippedStepSize;
  float gradientNorm;
  float parameterNorm;
  float clipped;
  float projected;
};

// All that leaves the engine beside the tensors: the report, and the rule's scalars as the next
// step is given them (a refused step gives them back as they were).
struct StepResult {
  StepReport report;
  Scalars scalars;
};
constexpr int kResultWords = 16;
static_assert(sizeof(StepResult) == kResultWords * sizeof(float), "a result has no padding");

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_REPORT_H_
