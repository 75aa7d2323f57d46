// ALI-G (Algorithm 1 of "Training Neural Networks for and by Interpolation"): a Polyak step size
// (l - lower bound) / (|g|^2 + epsilon), clipped at the maximal learning rate eta of each group,
// without momentum and with Nesterov momentum in two forms. lib/rules/alig.ts has the same formulas
// in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_ALIG_H_
#define TFJS_ALIG_RULES_ALIG_H_

#include "rules/rule.h"

namespace tfjs_alig {

// What the three forms share. kSums is 1: the squared gradient norm of all groups together.
template <class Form>
struct AliGStepSize {
  struct Settings {
    TFJS_ALIG_FLOATS(epsilon,      // added to the squared gradient norm
                     lowerBound);  // of the loss, 0 in the paper
  };
  struct GroupSettings {
    TFJS_ALIG_FLOATS(maxLearningRate,  // eta; infinity: none (ALI-G-infinity)
                     momentum);        // mu; the plain form has none
  };
  using Measuring = NoFloats;
  struct Coefficients {
    float stepSize;      // gamma
    float momentum;      // mu
    float stepMomentum;  // gamma * mu, for the adjusted form
  };
  struct Decision {
    double stepSize;  // mean over the groups
    double unclippedStepSize;
    bool clipped;  // in any group
  };
  static constexpr int kSums = 1;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA double stepSize(double unclipped, const GroupSettings& group) {
    const double maximal = group.maxLearningRate;
    return unclipped > maximal ? maximal : unclipped;
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Form>& step, const double* sums, Scalars&) {
    const double excess =
        static_cast<double>(step.loss) - static_cast<double>(step.settings.lowerBound);
    const double numerator = excess > 0.0 ? excess : 0.0;
    const double denominator = sums[0] + static_cast<double>(step.settings.epsilon);
    bool bounded = true;
    for (int i = 0; i < step.groupCount; ++i) {
      if (std::isinf(step.groups[i].settings.maxLearningRate)) bounded = false;
    }
    Decision decision;
    if (denominator == 0.0 && (numerator == 0.0 || !bounded)) {
      // The published code gives NaN or an infinite step here; all gradients are 0, so that no
      // step size moves anything but an old velocity.
      decision.unclippedStepSize = 0.0;
    } else {
      decision.unclippedStepSize = numerator / denominator;
    }
    decision.clipped = false;
    for (int i = 0; i < step.groupCount; ++i) {
      if (decision.unclippedStepSize > step.groups[i].settings.maxLearningRate) {
        decision.clipped = true;
      }
    }
    decision.stepSize = meanOverGroups(step, [&](const GroupSettings& group) {
      return stepSize(decision.unclippedStepSize, group);
    });
    return decision;
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<Form>& group,
                                                     const Decision& decision) {
    const double size = stepSize(decision.unclippedStepSize, group.settings);
    const float momentum = group.settings.momentum;
    return {static_cast<float>(size), momentum,
            static_cast<float>(size * static_cast<double>(momentum))};
  }
};

// w = w - gamma g
struct AliG : AliGStepSize<AliG> {
  static constexpr const char* kName = "alig";
  static constexpr int kStates = 0;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    parameter = parameter - coefficients.stepSize * gradient;
  }
};

// v = mu v - gamma g;  w = w - gamma g + mu v
struct AliGNesterov : AliGStepSize<AliGNesterov> {
  static constexpr const char* kName = "alig-nesterov";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* velocity) {
    const float step = coefficients.stepSize * gradient;
    velocity[0] = storedState(coefficients.momentum * velocity[0] - step);
    parameter = (parameter - step) + coefficients.momentum * velocity[0];
  }
};

// The velocity averages gradients and not steps: v = mu v - g;  w = w - gamma g + gamma mu v
struct AliGAdjusted : AliGStepSize<AliGAdjusted> {
  static constexpr const char* kName = "alig-adjusted";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* velocity) {
    const float step = coefficients.stepSize * gradient;
    velocity[0] = storedState(coefficients.momentum * velocity[0] - gradient);
    parameter = (parameter - step) + coefficients.stepMomentum * velocity[0];
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ALIG_H_
