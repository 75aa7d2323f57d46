// What the rules share whose step size is a given learning rate: weight decay, and the clipping of
// the gradients by their global norm. lib/rules/given-learning-rate.ts has the same formulas in
// TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_GIVEN_LEARNING_RATE_H_
#define TFJS_ALIG_RULES_GIVEN_LEARNING_RATE_H_

#include "rules/rule.h"

namespace tfjs_alig {

struct LearningRateSettings {
  TFJS_ALIG_FLOATS(learningRate,  // eta
                   weightDecay);  // lambda
};

// The settings of such a rule hold maxGradientNorm (c; infinity: none), those of a group begin with
// the LearningRateSettings.
template <class Form, class FormGroupSettings = LearningRateSettings>
struct GivenLearningRate {
  using GroupSettings = FormGroupSettings;
  using Measuring = NoFloats;
  struct Decision {
    double stepSize;           // mean learning rate of the groups
    double unclippedStepSize;  // the same: gradients are clipped, not the rate
    bool clipped;
    double gradientScale;  // 1 where nothing is clipped
  };
  static constexpr int kSums = 1;
  static constexpr bool kUsesLoss = false;

  // c / max(|g|, c), as TensorFlow's clip_by_global_norm has it; torch's clip_grad_norm_ adds 1e-6
  // to |g| and so clips gradients of norm c as well.
  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Form>& step, const double* sums, Scalars&) {
    const double norm = std::sqrt(sums[0]);
    const double maxNorm = step.settings.maxGradientNorm;
    const bool clipped = norm > maxNorm;
    const double rate = meanOverGroups(
        step, [](const GroupSettings& group) { return static_cast<double>(group.learningRate); });
    return {rate, rate, clipped, clipped ? maxNorm / norm : 1.0};
  }
};

// The gradient as it is used: clipped, then with the penalty's (lambda / 2) |w|^2.
TFJS_ALIG_FORMULA float decayedGradient(float gradientScale, float weightDecay, float gradient,
                                        float parameter) {
  return penalizedGradient(weightDecay, gradient * gradientScale, parameter);
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_GIVEN_LEARNING_RATE_H_
