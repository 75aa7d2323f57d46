// BPGrad ("BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning", Zhang, Wu
// and Wang) for a loss of lower bound 0: with g and l those of the loss with weight decay,
//   s = l / (|g| + epsilon), and a step of eta s g, where 1 / eta is the loss's Lipschitz constant.
// lib/rules/bpgrad.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_BPGRAD_H_
#define TFJS_ALIG_RULES_BPGRAD_H_

#include "rules/rule.h"

namespace tfjs_alig {

// What both forms share. Sum 1 is |g|^2 with weight decay, sum 2 is lambda / 2 |w|^2.
template <class Form>
struct BPGradStepSize {
  struct Settings {
    TFJS_ALIG_FLOATS(epsilon);  // added to the norm |g|
  };
  struct GroupSettings {
    TFJS_ALIG_FLOATS(
        learningRate,  // eta
        weightDecay,   // lambda: lambda / 2 |w|^2 is part of the loss, lambda w of the gradient
        momentum);     // mu; the plain form has none
  };
  struct Measuring {
    float weightDecay;
  };
  struct Coefficients {
    float weightDecay;
    float stepSize;  // eta * s
    float momentum;  // mu
  };
  struct Decision {
    double stepSize;           // s
    double unclippedStepSize;  // the same: it is never clipped
    bool clipped;
  };
  static constexpr int kSums = 3;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings&, const Group<Form>& group) {
    return {group.settings.weightDecay};
  }

  static TFJS_ALIG_FORMULA double sumFactor(const Settings&, const Group<Form>& group, int sum) {
    return sum == 2 ? static_cast<double>(group.settings.weightDecay) / 2.0 : 1.0;
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& measuring, float gradient, float parameter,
                                        const float*, Term* terms) {
    const float decayed = penalizedGradient(measuring.weightDecay, gradient, parameter);
    terms[0] = {decayed, decayed};
    terms[1] = {parameter, parameter};
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Form>& step, const double* sums, Scalars&) {
    const double loss = static_cast<double>(step.loss) + sums[2];
    const double stepSize =
        ratio(loss, std::sqrt(sums[1]) + static_cast<double>(step.settings.epsilon));
    return {stepSize, stepSize, false};
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<Form>& group,
                                                     const Decision& decision) {
    const GroupSettings& own = group.settings;
    return {own.weightDecay,
            static_cast<float>(static_cast<double>(own.learningRate) * decision.stepSize),
            own.momentum};
  }
};

// w = w - eta s g. The published code leaves the parameters as they are without momentum.
struct BPGrad : BPGradStepSize<BPGrad> {
  static constexpr const char* kName = "bpgrad";
  static constexpr int kStates = 0;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    parameter = parameter - coefficients.stepSize *
                                penalizedGradient(coefficients.weightDecay, gradient, parameter);
  }
};

// v = mu v - eta s g;  w = w + v
struct BPGradMomentum : BPGradStepSize<BPGradMomentum> {
  static constexpr const char* kName = "bpgrad-momentum";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* velocity) {
    const float step =
        coefficients.stepSize * penalizedGradient(coefficients.weightDecay, gradient, parameter);
    velocity[0] = storedState(coefficients.momentum * velocity[0] - step);
    parameter = parameter + velocity[0];
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_BPGRAD_H_
