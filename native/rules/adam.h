// Adam ("Adam: A Method for Stochastic Optimization", Kingma and Ba 2015), AMSGrad ("On the
// Convergence of Adam and Beyond", Reddi et al. 2018), and AdamW, which is either with decoupled
// weight decay ("Decoupled Weight Decay Regularization", Loshchilov and Hutter 2019).
// lib/rules/adam.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_ADAM_H_
#define TFJS_ALIG_RULES_ADAM_H_

#include "rules/given_learning_rate.h"
#include "rules/moments.h"

namespace tfjs_alig {

struct AdamGroupSettings {
  TFJS_ALIG_FLOATS(learningRate,        // eta
                   weightDecay,         // lambda
                   firstMomentWeight,   // 1 - beta1
                   secondMomentWeight,  // 1 - beta2
                   epsilon);
};

// g = g + lambda w, or decoupled w = (1 - eta lambda) w;  m = beta1 m + (1 - beta1) g;  v = the
// form's;  w = w - eta / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon), or with epsilon
// before the bias correction w = w - eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)
template <class Form>
struct AdamOf : GivenLearningRate<Form, AdamGroupSettings> {
  using typename GivenLearningRate<Form, AdamGroupSettings>::Decision;
  struct Settings {
    TFJS_ALIG_FLOATS(epsilonBeforeBiasCorrection,  // 1 or 0
                     decoupledWeightDecay,         // 1 or 0
                     maxGradientNorm);
  };
  struct Coefficients {
    float gradientScale;
    float weightDecay;     // 0 where it is decoupled
    float parameterScale;  // 1 where it is not
    Averaging firstMoment;
    Averaging secondMoment;
    float stepSize;
    float rootFactor;
    float epsilon;
  };

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<Form>& group,
                                                     const Decision& decision) {
    const AdamGroupSettings& own = group.settings;
    const double rate = own.learningRate;
    // Not by averagingOf and sumOfWeights: nvcc 13.0 then spills a register of the decision
    // (sm_90).
    const double beta1 = 1.0 - static_cast<double>(own.firstMomentWeight);
    const double beta2 = 1.0 - static_cast<double>(own.secondMomentWeight);
    const double stepSize = rate / (1.0 - integerPower(beta1, group.stepNumber));
    const double rootCorrection = std::sqrt(1.0 - integerPower(beta2, group.stepNumber));
    const bool before = settings.epsilonBeforeBiasCorrection != 0.0f;
    const bool decoupled = settings.decoupledWeightDecay != 0.0f;
    const double shrinkage = decoupled ? rate * static_cast<double>(own.weightDecay) : 0.0;
    return {static_cast<float>(decision.gradientScale),
            decoupled ? 0.0f : own.weightDecay,
            static_cast<float>(1.0 - shrinkage),
            {static_cast<float>(beta1), own.firstMomentWeight},
            {static_cast<float>(beta2), own.secondMomentWeight},
            static_cast<float>(before ? stepSize * rootCorrection : stepSize),
            static_cast<float>(before ? 1.0 : 1.0 / rootCorrection),
            own.epsilon};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    const float decayed =
        decayedGradient(coefficients.gradientScale, coefficients.weightDecay, gradient, parameter);
    state[0] = movingAverage(coefficients.firstMoment, state[0], decayed);
    const float secondMoment = Form::secondMoment(coefficients, decayed, state[1]);
    float scalingMoment = secondMoment;
    if constexpr (Form::kStates == 3) {
      // Before either is stored: GCC otherwise computes both roots and chooses one of them.
      const float largest = state[2];
      scalingMoment = secondMoment > largest ? secondMoment : largest;
    }
    state[1] = storedState(secondMoment);
    state[Form::kStates - 1] = storedState(scalingMoment);
    parameter = coefficients.parameterScale * parameter -
                divideNoNan(coefficients.stepSize * state[0],
                            std::sqrt(state[Form::kStates - 1]) * coefficients.rootFactor +
                                coefficients.epsilon);
  }

  // v = beta2 v + (1 - beta2) g^2, not yet as it is stored
  static TFJS_ALIG_FORMULA float secondMoment(const Coefficients& coefficients, float gradient,
                                              float moment) {
    return squareAverage(coefficients.secondMoment, moment, gradient);
  }
};

struct Adam : AdamOf<Adam> {
  static constexpr const char* kName = "adam";
  static constexpr int kStates = 2;
};

// Scales by the largest second moment so far, its third array of state.
struct AmsGrad : AdamOf<AmsGrad> {
  static constexpr const char* kName = "amsgrad";
  static constexpr int kStates = 3;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ADAM_H_
