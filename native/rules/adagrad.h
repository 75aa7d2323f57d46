// AdaGrad ("Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", Duchi,
// Hazan and Singer 2011). lib/rules/adagrad.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_ADAGRAD_H_
#define TFJS_ALIG_RULES_ADAGRAD_H_

#include "rules/given_learning_rate.h"
#include "rules/root.h"

namespace tfjs_alig {

struct AdaGradGroupSettings {
  TFJS_ALIG_FLOATS(learningRate,  // eta
                   weightDecay,   // lambda
                   learningRateDecay,
                   insideEpsilon,  // one of the two epsilons is 0
                   outsideEpsilon);
};

// g = g + lambda w;  v = v + g^2;  w = w - eta / (1 + (t - 1) decay) g / (sqrt(v) + epsilon), or
// with epsilon inside the root
struct AdaGrad : GivenLearningRate<AdaGrad, AdaGradGroupSettings> {
  struct Settings {
    TFJS_ALIG_FLOATS(maxGradientNorm);
  };
  struct Coefficients {
    float gradientScale;
    float weightDecay;
    float stepSize;
    float insideEpsilon;
    float outsideEpsilon;
  };
  static constexpr const char* kName = "adagrad";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<AdaGrad>& group,
                                                     const Decision& decision) {
    const double stepsBefore = static_cast<double>(group.stepNumber) - 1.0;
    const AdaGradGroupSettings& own = group.settings;
    const double rate = own.learningRate;
    const double decay = own.learningRateDecay;
    return {static_cast<float>(decision.gradientScale), own.weightDecay,
            static_cast<float>(rate / (1.0 + stepsBefore * decay)), own.insideEpsilon,
            own.outsideEpsilon};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    const float decayed =
        decayedGradient(coefficients.gradientScale, coefficients.weightDecay, gradient, parameter);
    const float accumulator = storedState(state[0] + decayed * decayed);
    state[0] = accumulator;
    parameter = parameter - divideNoNan(coefficients.stepSize * decayed,
                                        rootWithEpsilon(accumulator, coefficients.insideEpsilon,
                                                        coefficients.outsideEpsilon));
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ADAGRAD_H_
