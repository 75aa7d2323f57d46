// Stochastic gradient descent, without momentum and with it (heavy ball or Nesterov's, as in
// "On the importance of initialization and momentum in deep learning", Sutskever et al. 2013, with
// PyTorch's dampening). lib/rules/sgd.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_SGD_H_
#define TFJS_ALIG_RULES_SGD_H_

#include "rules/given_learning_rate.h"

namespace tfjs_alig {

// g = g + lambda w;  w = w - eta g
struct Sgd : GivenLearningRate<Sgd> {
  struct Settings {
    TFJS_ALIG_FLOATS(maxGradientNorm);
  };
  struct Coefficients {
    float gradientScale;
    float weightDecay;
    float learningRate;
  };
  static constexpr const char* kName = "sgd";
  static constexpr int kStates = 0;

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<Sgd>& group,
                                                     const Decision& decision) {
    return {static_cast<float>(decision.gradientScale), group.settings.weightDecay,
            group.settings.learningRate};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    const float decayed =
        decayedGradient(coefficients.gradientScale, coefficients.weightDecay, gradient, parameter);
    parameter = parameter - coefficients.learningRate * decayed;
  }
};

struct SgdMomentumGroupSettings {
  TFJS_ALIG_FLOATS(learningRate,  // eta
                   weightDecay,   // lambda
                   momentum,      // mu
                   dampening,
                   nesterov);  // 1: Nesterov's momentum, 0: the heavy ball
};

// g = g + lambda w;  b = mu b + (1 - dampening) g, at first b = g;  w = w - eta b, with Nesterov's
// momentum w = w - eta (g + mu b)
struct SgdMomentum : GivenLearningRate<SgdMomentum, SgdMomentumGroupSettings> {
  struct Settings {
    TFJS_ALIG_FLOATS(maxGradientNorm);
  };
  struct Coefficients {
    float gradientScale;
    float weightDecay;
    float learningRate;
    float momentum;
    float newShare;       // of the gradient in the buffer
    float gradientShare;  // of the gradient in the step
    float bufferShare;    // of the buffer in the step
  };
  static constexpr const char* kName = "sgd-momentum";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&,
                                                     const Group<SgdMomentum>& group,
                                                     const Decision& decision) {
    const GroupSettings& own = group.settings;
    const bool nesterov = own.nesterov != 0.0f;
    const double dampening = group.stepNumber == 1 ? 0.0 : static_cast<double>(own.dampening);
    return {static_cast<float>(decision.gradientScale),
            own.weightDecay,
            own.learningRate,
            own.momentum,
            static_cast<float>(1.0 - dampening),
            nesterov ? 1.0f : 0.0f,
            nesterov ? own.momentum : 1.0f};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    float& buffer = state[0];
    const float decayed =
        decayedGradient(coefficients.gradientScale, coefficients.weightDecay, gradient, parameter);
    buffer = storedState(coefficients.momentum * buffer + coefficients.newShare * decayed);
    parameter = parameter - coefficients.learningRate * (coefficients.gradientShare * decayed +
                                                         coefficients.bufferShare * buffer);
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_SGD_H_
