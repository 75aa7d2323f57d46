// The stages of a step between its sums, for any rule: the CPU engine calls them, and one thread of
// the GPU.
#ifndef TFJS_ALIG_ENGINE_DECIDE_H_
#define TFJS_ALIG_ENGINE_DECIDE_H_

#include "engine/report.h"
#include "rules/l2_ball.h"
#include "rules/rule.h"

namespace tfjs_alig {

TFJS_ALIG_FORMULA float rounded(double value) { return static_cast<float>(value); }

template <class Floats>
TFJS_ALIG_FORMULA bool allFinite(const Floats& floats) {
  static_assert(sizeof(Floats) % sizeof(float) == 0, "a struct of floats");
  const auto* const values = reinterpret_cast<const float*>(&floats);
  bool finite = true;
  for (unsigned i = 0; i < sizeof(Floats) / sizeof(float); ++i) {
    if (!std::isfinite(values[i])) finite = false;
  }
  return finite;
}

// Decides a step from its sums: fills the report up to the new parameters, the coefficients of each
// group, and advances the scalars. Unless the step is taken the scalars stay as they were.
template <class Rule>
TFJS_ALIG_FORMULA StepStatus decideStep(const StepOf<Rule>& step, const double* sums,
                                        typename Rule::Coefficients* coefficients,
                                        StepResult& result) {
  StepReport& report = result.report;
  report.loss = step.loss;
  if (Rule::kUsesLoss && !std::isfinite(step.loss)) return StepStatus::kLossNotFinite;
  report.gradientNorm = rounded(std::sqrt(sums[0]));
  if (!std::isfinite(sums[0])) return StepStatus::kGradientNotFinite;
  for (int sum = 1; sum < Rule::kSums; ++sum) {
    if (!std::isfinite(sums[sum])) return StepStatus::kSumNotFinite;
  }
  Scalars scalars = result.scalars;
  const typename Rule::Decision decision = Rule::decide(step, sums, scalars);
  report.stepSize = rounded(decision.stepSize);
  report.unclippedStepSize = rounded(decision.unclippedStepSize);
  report.clipped = decision.clipped ? 1.0f : 0.0f;
  bool finite = std::isfinite(report.stepSize);
  for (int i = 0; i < step.groupCount; ++i) {
    coefficients[i] = Rule::coefficients(step.settings, step.groups[i], decision);
    if (!allFinite(coefficients[i])) finite = false;
  }
  for (int i = 0; i < kMostScalars; ++i) {
    if (!std::isfinite(scalars.values[i])) finite = false;
  }
  if (!finite) return StepStatus::kStepSizeNotFinite;
  result.scalars = scalars;
  return StepStatus::kTaken;
}

// Decides the projection from the squared norm of the new parameters, and completes the report of
// a step that was taken.
TFJS_ALIG_FORMULA bool decideProjection(const L2Ball& ball, double squaredNorm,
                                        StepReport& report) {
  report.parameterNorm = rounded(std::sqrt(squaredNorm));
  if (!std::isfinite(squaredNorm)) {
    report.status = static_cast<float>(StepStatus::kParameterOverflow);
  }
  const bool projects = ball.projects(squaredNorm);
  report.projected = projects ? 1.0f : 0.0f;
  return projects;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_DECIDE_H_
