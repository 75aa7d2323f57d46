// ALI-G (Algorithm 1 of "Training Neural Networks for and by Interpolation"): a Polyak step size
// (l - lower bound) / (|g|^2 + epsilon), clipped at the maximal learning rate eta, with Nesterov
// momentum. lib/step/alig.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_ALIG_H_
#define TFJS_ALIG_RULES_ALIG_H_

#include "rules/formula.h"

namespace tfjs_alig {

struct AliG {
  // Hyper-parameters as all engines hand them over, a float32 each, in this order.
  struct Settings {
    float maximalLearningRate;  // eta; infinity: none (ALI-G-infinity)
    float momentum;             // mu
    float epsilon;              // added to the squared gradient norm
    float lowerBound;           // of the loss, 0 in the paper
    float adjustedMomentum;     // 1: the velocity holds gradients, not steps
  };
  static constexpr int kSettings = 5;

  // What update needs, rounded once to float32.
  struct Coefficients {
    float stepSize;      // gamma
    float momentum;      // mu
    float stepMomentum;  // gamma * mu, for the adjusted form
  };

  enum class Form { kPlain, kNesterov, kAdjustedNesterov };

  static Form form(const Settings& settings) {
    if (settings.momentum == 0.0f) return Form::kPlain;
    return settings.adjustedMomentum != 0.0f ? Form::kAdjustedNesterov : Form::kNesterov;
  }

  struct Decision {
    double stepSize;
    double unclippedStepSize;
    Coefficients coefficients;
    bool clipped;
    bool finite;  // whether the coefficients are
  };

  // Decide: the step size from the loss and the squared gradient norm, in double.
  static TFJS_ALIG_FORMULA Decision decide(const Settings& settings, float loss,
                                           double squaredGradientNorm) {
    const double maximal = settings.maximalLearningRate;
    const double excess = static_cast<double>(loss) - static_cast<double>(settings.lowerBound);
    const double numerator = excess > 0.0 ? excess : 0.0;
    const double denominator = squaredGradientNorm + static_cast<double>(settings.epsilon);
    Decision decision;
    if (denominator == 0.0 && (numerator == 0.0 || std::isinf(maximal))) {
      // The published code gives NaN or an infinite step here; all gradients are 0, so that no
      // step size moves anything but an old velocity.
      decision.unclippedStepSize = 0.0;
    } else {
      decision.unclippedStepSize = numerator / denominator;
    }
    decision.clipped = decision.unclippedStepSize > maximal;
    decision.stepSize = decision.clipped ? maximal : decision.unclippedStepSize;
    decision.coefficients.stepSize = static_cast<float>(decision.stepSize);
    decision.coefficients.momentum = settings.momentum;
    decision.coefficients.stepMomentum =
        static_cast<float>(decision.stepSize * static_cast<double>(settings.momentum));
    decision.finite = std::isfinite(decision.coefficients.stepSize) &&
                      std::isfinite(decision.coefficients.stepMomentum);
    return decision;
  }

  // Update: one element; each operation rounds to float32.
  template <Form kForm>
  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float& velocity) {
    const float step = coefficients.stepSize * gradient;
    if constexpr (kForm == Form::kPlain) {
      parameter = parameter - step;
    } else if constexpr (kForm == Form::kNesterov) {
      velocity = storedState(coefficients.momentum * velocity - step);
      parameter = (parameter - step) + coefficients.momentum * velocity;
    } else {
      velocity = storedState(coefficients.momentum * velocity - gradient);
      parameter = (parameter - step) + coefficients.stepMomentum * velocity;
    }
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ALIG_H_
