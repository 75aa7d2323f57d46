// RMSProp ("Lecture 6.5: RMSProp", Tieleman and Hinton 2012), centered as in "Generating Sequences
// With Recurrent Neural Networks" (Graves 2013), with momentum as PyTorch or TensorFlow have it.
// lib/rules/rmsprop.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_RMSPROP_H_
#define TFJS_ALIG_RULES_RMSPROP_H_

#include "rules/given_learning_rate.h"
#include "rules/moments.h"
#include "rules/root.h"

namespace tfjs_alig {

struct RmsPropGroupSettings {
  TFJS_ALIG_FLOATS(learningRate,   // eta
                   weightDecay,    // lambda
                   averageWeight,  // 1 - rho
                   insideEpsilon,  // one of the two epsilons is 0
                   outsideEpsilon,
                   momentum);  // mu; of the forms without it unused
};

// g = g + lambda w;  v = rho v + (1 - rho) g^2;  d = sqrt(v) + epsilon, or with epsilon inside the
// root;  w = w - eta g / d
// Centered: a = rho a + (1 - rho) g, and v - a^2 in place of v.
// With momentum: b = mu b + g / d and w = w - eta b, or b = mu b + eta g / d and w = w - b.
template <bool kCentered, bool kHasMomentum>
struct RmsPropOf : GivenLearningRate<RmsPropOf<kCentered, kHasMomentum>, RmsPropGroupSettings> {
  using typename GivenLearningRate<RmsPropOf, RmsPropGroupSettings>::Decision;
  struct Settings {
    TFJS_ALIG_FLOATS(rateInsideMomentum,  // 1: b = mu b + eta g / d, 0: b = mu b + g / d
                     maxGradientNorm);
  };
  struct Coefficients {
    float gradientScale;
    float weightDecay;
    Averaging averaging;
    float insideEpsilon;
    float outsideEpsilon;
    float momentum;
    float innerRate;  // of g / d; this or the outer one is 1
    float outerRate;  // of the buffer
  };
  static constexpr const char* kName =
      kCentered ? (kHasMomentum ? "rmsprop-centered-momentum" : "rmsprop-centered")
                : (kHasMomentum ? "rmsprop-momentum" : "rmsprop");
  static constexpr int kStates = 1 + (kCentered ? 1 : 0) + (kHasMomentum ? 1 : 0);

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<RmsPropOf>& group,
                                                     const Decision& decision) {
    const RmsPropGroupSettings& own = group.settings;
    const bool inside = !kHasMomentum || settings.rateInsideMomentum != 0.0f;
    return {static_cast<float>(decision.gradientScale),
            own.weightDecay,
            averagingOf(own.averageWeight),
            own.insideEpsilon,
            own.outsideEpsilon,
            own.momentum,
            inside ? own.learningRate : 1.0f,
            inside ? 1.0f : own.learningRate};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    const float decayed =
        decayedGradient(coefficients.gradientScale, coefficients.weightDecay, gradient, parameter);
    state[0] = movingSquareAverage(coefficients.averaging, state[0], decayed);
    float square = state[0];
    if constexpr (kCentered) {
      state[1] = movingAverage(coefficients.averaging, state[1], decayed);
      // Rounding can make the variance negative, where the published code gives NaN.
      square = std::fabs(square - state[1] * state[1]);
    }
    float change = divideNoNan(
        coefficients.innerRate * decayed,
        rootWithEpsilon(square, coefficients.insideEpsilon, coefficients.outsideEpsilon));
    if constexpr (kHasMomentum) {
      float& buffer = state[kStates - 1];
      buffer = storedState(coefficients.momentum * buffer + change);
      change = coefficients.outerRate * buffer;
    }
    parameter = parameter - change;
  }
};

using RmsProp = RmsPropOf<false, false>;
using RmsPropMomentum = RmsPropOf<false, true>;
using RmsPropCentered = RmsPropOf<true, false>;
using RmsPropCenteredMomentum = RmsPropOf<true, true>;

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_RMSPROP_H_
