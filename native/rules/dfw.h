// Deep Frank-Wolfe ("Deep Frank-Wolfe For Neural Network Optimization", Berrada, Zisserman and
// Kumar): the loss is linearised, the regulariser is not, and gamma is the optimal step of one
// Frank-Wolfe iteration on the dual of the proximal problem with learning rate eta. With r the
// gradient of the regulariser,
//   r = weightDecay w;  gamma = (l - sum eta <g, r>) / (sum eta |g|^2 + epsilon), clipped to [0,
//   1].
// lib/rules/dfw.ts has the same formulas in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_DFW_H_
#define TFJS_ALIG_RULES_DFW_H_

#include "rules/rule.h"

namespace tfjs_alig {

// What both forms share. Sum 1 is sum eta <g, r>, sum 2 is sum eta |g|^2.
template <class Form>
struct DfwStepSize {
  struct Settings {
    TFJS_ALIG_FLOATS(epsilon);  // added to the denominator of gamma
  };
  struct GroupSettings {
    TFJS_ALIG_FLOATS(learningRate,  // eta
                     weightDecay,
                     momentum);  // mu; the plain form has none
  };
  struct Measuring {
    float weightDecay;
  };
  struct Coefficients {
    float learningRate;  // eta
    float weightDecay;
    float stepSize;      // gamma
    float momentum;      // mu
    float velocityStep;  // eta * gamma
  };
  struct Decision {
    double stepSize;  // gamma
    double unclippedStepSize;
    bool clipped;
  };
  static constexpr int kSums = 3;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings&, const Group<Form>& group) {
    return {group.settings.weightDecay};
  }

  static TFJS_ALIG_FORMULA double sumFactor(const Settings&, const Group<Form>& group, int) {
    return group.settings.learningRate;
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& measuring, float gradient, float parameter,
                                        const float*, Term* terms) {
    terms[0] = {gradient, measuring.weightDecay * parameter};
    terms[1] = {gradient, gradient};
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Form>& step, const double* sums, Scalars&) {
    const double unclipped = ratio(static_cast<double>(step.loss) - sums[1],
                                   sums[2] + static_cast<double>(step.settings.epsilon));
    const double stepSize = unclipped < 0.0 ? 0.0 : (unclipped > 1.0 ? 1.0 : unclipped);
    return {stepSize, unclipped, stepSize != unclipped};
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings&, const Group<Form>& group,
                                                     const Decision& decision) {
    const GroupSettings& own = group.settings;
    return {own.learningRate, own.weightDecay, static_cast<float>(decision.stepSize), own.momentum,
            static_cast<float>(static_cast<double>(own.learningRate) * decision.stepSize)};
  }
};

// w = w - eta (r + gamma g)
struct Dfw : DfwStepSize<Dfw> {
  static constexpr const char* kName = "dfw";
  static constexpr int kStates = 0;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float*) {
    const float decay = coefficients.weightDecay * parameter;
    const float direction = decay + coefficients.stepSize * gradient;
    parameter = parameter - coefficients.learningRate * direction;
  }
};

// z = mu z - eta gamma (g + r);  w = w - eta (r + gamma g) + mu z
struct DfwMomentum : DfwStepSize<DfwMomentum> {
  static constexpr const char* kName = "dfw-momentum";
  static constexpr int kStates = 1;

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* velocity) {
    const float decay = coefficients.weightDecay * parameter;
    const float direction = decay + coefficients.stepSize * gradient;
    const float step = coefficients.velocityStep * (gradient + decay);
    velocity[0] = storedState(coefficients.momentum * velocity[0] - step);
    parameter =
        (parameter - coefficients.learningRate * direction) + coefficients.momentum * velocity[0];
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_DFW_H_
