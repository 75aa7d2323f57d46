// SPS, the stochastic Polyak step size ("Stochastic Polyak Step-size for SGD: An Adaptive Learning
// Rate for Fast Convergence", Loizou, Vaswani, Laradji and Lacoste-Julien):
//   (l - f*) / (c |g|^2 + epsilon), with a bound. lib/rules/sps.ts has the same formulas in
// TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_SPS_H_
#define TFJS_ALIG_RULES_SPS_H_

#include "rules/rule.h"

namespace tfjs_alig {

struct SpsDecision {
  double stepSize;
  double unclippedStepSize;
  bool clipped;
};

// What both forms share: w = w - gamma g.
template <class Form>
struct SpsStep {
  using GroupSettings = NoFloats;
  using Measuring = NoFloats;
  using Decision = SpsDecision;
  struct Coefficients {
    float stepSize;  // gamma
  };
  static constexpr int kStates = 0;
  static constexpr int kSums = 1;
  static constexpr bool kUsesLoss = true;

  // Of a gradient whose norm is below 1e-8 the published code makes no step.
  static TFJS_ALIG_FORMULA bool standsStill(const double* sums) {
    return std::sqrt(sums[0]) < 1e-8;
  }

  static TFJS_ALIG_FORMULA double polyakStepSize(const StepOf<Form>& step, double excess,
                                                 const double* sums) {
    return excess / (static_cast<double>(step.settings.c) * sums[0] +
                     static_cast<double>(step.settings.epsilon));
  }

  template <class Settings>
  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<Form>&,
                                                     const Decision& decision) {
    return {static_cast<float>(decision.stepSize)};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    parameter = parameter - coefficients.stepSize * gradient;
  }
};

// SPS_max: gamma = min((l - f*) / (c |g|^2 + epsilon), gamma_b), 0 where l < f*
struct Sps : SpsStep<Sps> {
  static constexpr const char* kName = "sps";
  struct Settings {
    TFJS_ALIG_FLOATS(c, epsilon,
                     optimalValue,  // f*, the smallest value that this step's loss can have
                     maxStepSize);  // gamma_b; infinity: none
  };

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Sps>& step, const double* sums, Scalars&) {
    if (standsStill(sums)) return {0.0, 0.0, false};
    const double excess =
        static_cast<double>(step.loss) - static_cast<double>(step.settings.optimalValue);
    const double unclipped = polyakStepSize(step, excess, sums);
    const double maximal = step.settings.maxStepSize;
    const double bounded = unclipped > maximal ? maximal : unclipped;
    const double stepSize = excess < 0.0 ? 0.0 : bounded;
    return {stepSize, unclipped, stepSize != unclipped};
  }
};

// gamma_t = min(l / (c |g|^2 + epsilon), tau^(1 / n) gamma_(t - 1)), n batches an epoch. A step of
// 0 is not remembered: no later one could be larger, as happens in the published code.
struct SpsSmooth : SpsStep<SpsSmooth> {
  static constexpr const char* kName = "sps-smooth";
  static constexpr int kPreviousStepSize = 0;  // of the scalars
  struct Settings {
    TFJS_ALIG_FLOATS(c, epsilon,
                     growth,            // tau^(1 / n), which the caller computes: it takes a root
                     initialStepSize);  // gamma_0
  };

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<SpsSmooth>& step, const double* sums,
                                           Scalars& scalars) {
    double& previous = scalars.values[kPreviousStepSize];
    if (step.stepNumber == 1) previous = step.settings.initialStepSize;
    if (standsStill(sums)) return {0.0, 0.0, false};
    const double unclipped = polyakStepSize(step, step.loss, sums);
    const double maximal = static_cast<double>(step.settings.growth) * previous;
    const bool clipped = unclipped > maximal;
    const double stepSize = clipped ? maximal : unclipped;
    if (stepSize > 0.0) previous = stepSize;
    return {stepSize, unclipped, clipped};
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_SPS_H_
