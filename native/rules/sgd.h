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
    float maxGradientNorm;
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

// g = g + lambda w;  b = mu b + (1 - dampening) g, at first b = g;  w = w - eta b, with Nesterov's
// momentum w = w - eta (g + mu b)
struct SgdMomentum : GivenLearningRate<SgdMomentum> {
  struct Settings {
    float momentum;  // mu
    float dampening;
    float nesterov;  // 1: Nesterov's momentum, 0: the heavy ball
    float maxGradientNorm;
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

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<SgdMomentum>& group,
                                                     const Decision& decision) {
    const bool nesterov = settings.nesterov != 0.0f;
    const double dampening = group.stepNumber == 1 ? 0.0 : static_cast<double>(settings.dampening);
    return {static_cast<float>(decision.gradientScale),
            group.settings.weightDecay,
            group.settings.learningRate,
            settings.momentum,
            static_cast<float>(1.0 - dampening),
            nesterov ? 1.0f : 0.0f,
            nesterov ? settings.momentum : 1.0f};
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
