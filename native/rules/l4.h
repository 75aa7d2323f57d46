// L4 ("L4: Practical loss-based stepsize adaptation for deep learning", Rolinek and Martius): the
// step along a direction v that is to take the linearised loss a fraction alpha of the way to its
// estimated minimum,
//   eta = alpha (l - minLossFactor minLoss) / (<v, m> + epsilon),
// where m is the averaged gradient and minLoss the smallest loss so far, which grows by a
// 1 / minLossForgetTime at each step. lib/rules/l4.ts has the same formulas in TypeScript, bit for
// bit.
#ifndef TFJS_ALIG_RULES_L4_H_
#define TFJS_ALIG_RULES_L4_H_

#include "rules/moments.h"

namespace tfjs_alig {

struct L4GroupSettings {
  TFJS_ALIG_FLOATS(
      weightDecay);  // lambda: lambda / 2 |w|^2 is part of the loss, lambda w of the gradient
};

// What both forms share. Sum 1 is <v, m>, sum 2 is lambda / 2 |w|^2. Bias corrections are factors
// of whole groups, so that elements go without them.
template <class Form, class FormSettings>
struct L4StepSize {
  using Settings = FormSettings;
  using GroupSettings = L4GroupSettings;
  struct Decision {
    double stepSize;           // eta
    double unclippedStepSize;  // the same: it is never clipped
    bool clipped;
  };
  static constexpr int kSums = 3;
  static constexpr bool kUsesLoss = true;
  static constexpr int kMinLoss = 0;  // of the scalars

  // 1 / (1 - beta^t) of the averaged gradient.
  static TFJS_ALIG_FORMULA double gradientCorrection(const Settings& settings,
                                                     const Group<Form>& group) {
    return biasCorrection(1.0 / static_cast<double>(settings.gradientTimeScale), group.stepNumber);
  }

  static TFJS_ALIG_FORMULA double sumFactor(const Settings& settings, const Group<Form>& group,
                                            int sum) {
    if (sum == 2) return static_cast<double>(group.settings.weightDecay) / 2.0;
    const double correction = gradientCorrection(settings, group);
    return correction * correction;
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Form>& step, const double* sums,
                                           Scalars& scalars) {
    const Settings& settings = step.settings;
    const double loss = static_cast<double>(step.loss) + sums[2];
    double minLoss = scalars.values[kMinLoss];
    if (step.stepNumber == 1) {
      minLoss = static_cast<double>(settings.initFactor) * loss;
    } else if (loss < minLoss) {
      minLoss = loss;
    }
    const double excess = loss - static_cast<double>(settings.minLossFactor) * minLoss;
    const double stepSize = ratio(static_cast<double>(settings.fraction) * excess,
                                  sums[1] + static_cast<double>(settings.epsilon));
    scalars.values[kMinLoss] =
        minLoss * (1.0 + 1.0 / static_cast<double>(settings.minLossForgetTime));
    return {stepSize, stepSize, false};
  }
};

struct L4MomSettings {
  TFJS_ALIG_FLOATS(fraction,            // alpha
                   minLossFactor,       // gamma
                   initFactor,          // gamma_0: of the first loss, as the first minLoss
                   minLossForgetTime,   // tau
                   epsilon,             // added to <v, m>
                   gradientTimeScale);  // 1 / (1 - beta)
};

// m = beta m + (1 - beta) (g + lambda w);  v = m / (1 - beta^t);  w = w - eta v
struct L4Mom : L4StepSize<L4Mom, L4MomSettings> {
  static constexpr const char* kName = "l4mom";
  static constexpr int kStates = 1;
  struct Measuring {
    Averaging gradientAveraging;
    float weightDecay;
  };
  struct Coefficients {
    Measuring measuring;
    float stepSize;  // eta / (1 - beta^t)
  };

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings& settings, const Group<L4Mom>& group) {
    return {averagingOf(1.0 / static_cast<double>(settings.gradientTimeScale)),
            group.settings.weightDecay};
  }

  static TFJS_ALIG_FORMULA float newAverage(const Measuring& measuring, float gradient,
                                            float parameter, float average) {
    return movingAverage(measuring.gradientAveraging, average,
                         penalizedGradient(measuring.weightDecay, gradient, parameter));
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& measuring, float gradient, float parameter,
                                        const float* state, Term* terms) {
    const float average = newAverage(measuring, gradient, parameter, state[0]);
    terms[0] = {average, average};
    terms[1] = {parameter, parameter};
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<L4Mom>& group,
                                                     const Decision& decision) {
    return {prepare(settings, group),
            static_cast<float>(decision.stepSize * gradientCorrection(settings, group))};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    state[0] = newAverage(coefficients.measuring, gradient, parameter, state[0]);
    parameter = parameter - coefficients.stepSize * state[0];
  }
};

struct L4AdamSettings {
  TFJS_ALIG_FLOATS(fraction,           // alpha
                   minLossFactor,      // gamma
                   initFactor,         // gamma_0: of the first loss, as the first minLoss
                   minLossForgetTime,  // tau
                   epsilon,            // added to <v, m>
                   gradientTimeScale,  // 1 / (1 - beta1)
                   varianceTimeScale,  // 1 / (1 - beta2)
                   adamEpsilon);       // added to the root of the averaged squares
};

// m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2, g with lambda w;
// v = m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + adamEpsilon);  w = w - eta v
struct L4Adam : L4StepSize<L4Adam, L4AdamSettings> {
  static constexpr const char* kName = "l4adam";
  static constexpr int kStates = 2;
  struct Measuring {
    Averaging gradientAveraging;
    Averaging squareAveraging;
    float weightDecay;
    float rootFactor;  // 1 / sqrt(1 - beta2^t)
    float adamEpsilon;
  };
  struct Coefficients {
    Measuring measuring;
    float stepSize;  // eta / (1 - beta1^t)
  };

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings& settings, const Group<L4Adam>& group) {
    const double squareWeight = 1.0 / static_cast<double>(settings.varianceTimeScale);
    return {averagingOf(1.0 / static_cast<double>(settings.gradientTimeScale)),
            averagingOf(squareWeight), group.settings.weightDecay,
            static_cast<float>(std::sqrt(biasCorrection(squareWeight, group.stepNumber))),
            settings.adamEpsilon};
  }

  // The new averages, and v without the bias correction of m.
  static TFJS_ALIG_FORMULA float direction(const Measuring& measuring, float gradient,
                                           float parameter, float& average, float& squareAverage) {
    const float decayed = penalizedGradient(measuring.weightDecay, gradient, parameter);
    average = movingAverage(measuring.gradientAveraging, average, decayed);
    squareAverage = movingSquareAverage(measuring.squareAveraging, squareAverage, decayed);
    return divideNoNan(average,
                       std::sqrt(squareAverage) * measuring.rootFactor + measuring.adamEpsilon);
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& measuring, float gradient, float parameter,
                                        const float* state, Term* terms) {
    float average = state[0];
    float squareAverage = state[1];
    const float along = direction(measuring, gradient, parameter, average, squareAverage);
    terms[0] = {along, average};
    terms[1] = {parameter, parameter};
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<L4Adam>& group,
                                                     const Decision& decision) {
    return {prepare(settings, group),
            static_cast<float>(decision.stepSize * gradientCorrection(settings, group))};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    parameter = parameter - coefficients.stepSize * direction(coefficients.measuring, gradient,
                                                              parameter, state[0], state[1]);
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_L4_H_
