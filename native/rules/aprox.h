// The truncated method of APROX ("The importance of better models in stochastic optimization", Asi
// and Duchi): the linearised loss, cut off at its lower bound 0, as the model of the proximal
// problem. Its step size is min(l / |g|^2, alpha_t), alpha_t = alpha t^-power. lib/rules/aprox.ts
// has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_APROX_H_
#define TFJS_ALIG_RULES_APROX_H_

#include "rules/rule.h"

namespace tfjs_alig {

// w = w - min(l / |g|^2, alpha_t) g
struct Aprox {
  static constexpr const char* kName = "aprox";
  static constexpr int kStates = 0;
  struct Settings {
    TFJS_ALIG_FLOATS(rateFactor);  // t^-power, which the caller computes: it takes a power
  };
  struct GroupSettings {
    TFJS_ALIG_FLOATS(learningRate);  // alpha
  };
  using Measuring = NoFloats;
  struct Coefficients {
    float stepSize;
  };
  struct Decision {
    double stepSize;           // mean over the groups
    double unclippedStepSize;  // l / |g|^2; infinite where all gradients are 0
    bool clipped;              // in any group
  };
  static constexpr int kSums = 1;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA double stepSize(const Settings& settings, const GroupSettings& group,
                                           double unclipped) {
    const double rate =
        static_cast<double>(group.learningRate) * static_cast<double>(settings.rateFactor);
    return unclipped > rate ? rate : unclipped;
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Aprox>& step, const double* sums,
                                           Scalars&) {
    const double unclipped = sums[0] == 0.0 ? HUGE_VAL : static_cast<double>(step.loss) / sums[0];
    bool clipped = false;
    for (int i = 0; i < step.groupCount; ++i) {
      if (stepSize(step.settings, step.groups[i].settings, unclipped) < unclipped) clipped = true;
    }
    const double mean = meanOverGroups(step, [&](const GroupSettings& group) {
      return stepSize(step.settings, group, unclipped);
    });
    return {mean, unclipped, clipped};
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<Aprox>& group,
                                                     const Decision& decision) {
    return {static_cast<float>(stepSize(settings, group.settings, decision.unclippedStepSize))};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    parameter = parameter - coefficients.stepSize * gradient;
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_APROX_H_
