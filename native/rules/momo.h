// MoMo ("MoMo: Momentum Models for Adaptive Learning Rates", Schaipp, Ohana, Eickenberg, Defazio
// and Gower): the model of the loss is the average of the linearisations at the last steps, cut off
// at a lower bound, which is given or estimated. lib/rules/momo.ts has the same formulas in
// TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_MOMO_H_
#define TFJS_ALIG_RULES_MOMO_H_

#include "rules/moments.h"

namespace tfjs_alig {

// What the step size is computed from; d is the average of the gradients, and its norm is that of
// the form.
struct MomoModel {
  double learningRate;  // alpha
  double lowerBound;    // as it is given: the estimate is never below it
  bool estimatesLowerBound;
  double decay;                 // alpha lambda
  double averagingCorrection;   // rho: the sum of the averages' weights
  double gradientAtParameters;  // <d, w>
  double squaredNorm;           // |d|^2
};

struct MomoDecision {
  double stepSize;           // tau
  double unclippedStepSize;  // before the learning rate bounds it
  bool clipped;
};

// alpha lambda
template <class Settings>
TFJS_ALIG_FORMULA double momoDecay(const Settings& settings) {
  return static_cast<double>(settings.learningRate) * static_cast<double>(settings.weightDecay);
}

// What both forms keep of the whole step.
enum MomoScalar {
  kLossAverage = 0,     // of l
  kProductAverage = 1,  // of <g, w>
  kLowerBound = 2,
};

// The new averages; `first`: they start at the values of this step.
TFJS_ALIG_FORMULA void averageMomoScalars(double weight, bool first, double loss, double product,
                                          Scalars& scalars) {
  const double decay = first ? 0.0 : 1.0 - weight;
  const double added = first ? 1.0 : weight;
  double* const values = scalars.values;
  values[kLossAverage] = decay * values[kLossAverage] + added * loss;
  values[kProductAverage] = decay * values[kProductAverage] + added * product;
}

// The step size, and the new lower bound where that is estimated.
TFJS_ALIG_FORMULA MomoDecision decideMomo(const MomoModel& model, bool firstStep,
                                          Scalars& scalars) {
  const double lossAverage = scalars.values[kLossAverage];
  const double productAverage = scalars.values[kProductAverage];
  double& lowerBound = scalars.values[kLowerBound];
  const double factor = 1.0 + model.decay;
  const double correction = model.averagingCorrection;
  if (firstStep || !model.estimatesLowerBound) lowerBound = model.lowerBound;
  if (model.estimatesLowerBound) {
    // Where the bound lies above the model the step would be 0 for ever.
    const double cap = factor * lossAverage + model.gradientAtParameters - factor * productAverage;
    if (cap < factor * correction * lowerBound) {
      const double lowered = cap / (2.0 * factor * correction);
      lowerBound = lowered > model.lowerBound ? lowered : model.lowerBound;
    }
  }
  const double excess = factor * (lossAverage - correction * lowerBound) +
                        model.gradientAtParameters - factor * productAverage;
  const double unclipped = ratio(excess > 0.0 ? excess : 0.0, model.squaredNorm);
  const double maximal = model.learningRate / correction;
  const double stepSize = unclipped > maximal ? maximal : unclipped;
  if (model.estimatesLowerBound) {
    const double estimate = (lossAverage + model.gradientAtParameters - productAverage -
                             stepSize * model.squaredNorm / 2.0) /
                            correction;
    lowerBound = estimate > model.lowerBound ? estimate : model.lowerBound;
  }
  return {stepSize, unclipped, unclipped > maximal};
}

// d = beta d + (1 - beta) g;  w = (w - tau d) / (1 + alpha lambda). Sums: <w, d>, |d|^2, <g, w>.
struct Momo {
  static constexpr const char* kName = "momo";
  static constexpr int kStates = 1;
  struct Settings {
    TFJS_ALIG_FLOATS(learningRate,    // alpha
                     averageWeight,   // 1 - beta
                     lowerBound,      // f*
                     biasCorrection,  // 1: averages start at 0; 0: at the first gradient and loss
                     estimateLowerBound,  // 1 or 0
                     weightDecay);        // lambda
  };
  using GroupSettings = NoFloats;
  using Measuring = Averaging;
  struct Coefficients {
    Averaging averaging;
    float stepSize;        // tau
    float parameterScale;  // 1 / (1 + alpha lambda)
  };
  using Decision = MomoDecision;
  static constexpr int kSums = 4;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings& settings, const Group<Momo>& group) {
    if (settings.biasCorrection == 0.0f && group.stepNumber == 1) return {0.0f, 1.0f};
    return averagingOf(settings.averageWeight);
  }

  static TFJS_ALIG_FORMULA double sumFactor(const Settings&, const Group<Momo>&, int) {
    return 1.0;
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& averaging, float gradient, float parameter,
                                        const float* state, Term* terms) {
    const float average = movingAverage(averaging, state[0], gradient);
    terms[0] = {parameter, average};
    terms[1] = {average, average};
    terms[2] = {gradient, parameter};
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<Momo>& step, const double* sums,
                                           Scalars& scalars) {
    const Settings& settings = step.settings;
    const double weight = settings.averageWeight;
    const bool corrected = settings.biasCorrection != 0.0f;
    averageMomoScalars(weight, !corrected && step.stepNumber == 1, step.loss, sums[3], scalars);
    return decideMomo({settings.learningRate, settings.lowerBound,
                       settings.estimateLowerBound != 0.0f, momoDecay(settings),
                       corrected ? sumOfWeights(weight, step.stepNumber) : 1.0, sums[1], sums[2]},
                      step.stepNumber == 1, scalars);
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<Momo>& group,
                                                     const Decision& decision) {
    return {prepare(settings, group), static_cast<float>(decision.stepSize),
            static_cast<float>(1.0 / (1.0 + momoDecay(settings)))};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    state[0] = movingAverage(coefficients.averaging, state[0], gradient);
    parameter = (parameter - coefficients.stepSize * state[0]) * coefficients.parameterScale;
  }
};

// d = beta1 d + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  D = sqrt(v / (1 - beta2^t)) +
// epsilon;  w = (w - tau d / D) / (1 + alpha lambda), or decoupled w = (1 - alpha lambda) w - tau d
// / D. Sums: <w, d>, <d, d / D>, <g, w>.
struct MomoAdam {
  static constexpr const char* kName = "momoadam";
  static constexpr int kStates = 2;
  struct Settings {
    TFJS_ALIG_FLOATS(learningRate,          // alpha
                     averageWeight,         // 1 - beta1
                     secondMomentWeight,    // 1 - beta2
                     epsilon,               // added to the root of v
                     lowerBound,            // f*
                     estimateLowerBound,    // 1 or 0
                     weightDecay,           // lambda
                     proximalWeightDecay);  // 1, or 0: decoupled
  };
  using GroupSettings = NoFloats;
  struct Measuring {
    Averaging averaging;
    Averaging squareAveraging;
    float rootFactor;  // 1 / sqrt(1 - beta2^t)
    float epsilon;
  };
  struct Coefficients {
    Measuring measuring;
    float stepSize;        // tau
    float decoupledDecay;  // 1 - alpha lambda, 1 where it is proximal
    float parameterScale;  // 1 / (1 + alpha lambda), 1 where it is decoupled
  };
  using Decision = MomoDecision;
  static constexpr int kSums = 4;
  static constexpr bool kUsesLoss = true;

  static TFJS_ALIG_FORMULA Measuring prepare(const Settings& settings,
                                             const Group<MomoAdam>& group) {
    const double squareWeight = settings.secondMomentWeight;
    return {averagingOf(settings.averageWeight), averagingOf(squareWeight),
            static_cast<float>(std::sqrt(biasCorrection(squareWeight, group.stepNumber))),
            settings.epsilon};
  }

  static TFJS_ALIG_FORMULA double sumFactor(const Settings&, const Group<MomoAdam>&, int) {
    return 1.0;
  }

  // The new averages, and d / D.
  static TFJS_ALIG_FORMULA float direction(const Measuring& measuring, float gradient,
                                           float& average, float& secondMoment) {
    average = movingAverage(measuring.averaging, average, gradient);
    secondMoment = movingSquareAverage(measuring.squareAveraging, secondMoment, gradient);
    return divideNoNan(average, std::sqrt(secondMoment) * measuring.rootFactor + measuring.epsilon);
  }

  static TFJS_ALIG_FORMULA void measure(const Measuring& measuring, float gradient, float parameter,
                                        const float* state, Term* terms) {
    float average = state[0];
    float secondMoment = state[1];
    const float along = direction(measuring, gradient, average, secondMoment);
    terms[0] = {parameter, average};
    terms[1] = {average, along};
    terms[2] = {gradient, parameter};
  }

  static TFJS_ALIG_FORMULA Decision decide(const StepOf<MomoAdam>& step, const double* sums,
                                           Scalars& scalars) {
    const Settings& settings = step.settings;
    const double weight = settings.averageWeight;
    averageMomoScalars(weight, false, step.loss, sums[3], scalars);
    return decideMomo(
        {settings.learningRate, settings.lowerBound, settings.estimateLowerBound != 0.0f,
         momoDecay(settings), sumOfWeights(weight, step.stepNumber), sums[1], sums[2]},
        step.stepNumber == 1, scalars);
  }

  static TFJS_ALIG_FORMULA Coefficients coefficients(const Settings& settings,
                                                     const Group<MomoAdam>& group,
                                                     const Decision& decision) {
    const bool proximal = settings.proximalWeightDecay != 0.0f;
    return {prepare(settings, group), static_cast<float>(decision.stepSize),
            static_cast<float>(proximal ? 1.0 : 1.0 - momoDecay(settings)),
            static_cast<float>(proximal ? 1.0 / (1.0 + momoDecay(settings)) : 1.0)};
  }

  static TFJS_ALIG_FORMULA void update(const Coefficients& coefficients, float gradient,
                                       float& parameter, float* state) {
    const float along = direction(coefficients.measuring, gradient, state[0], state[1]);
    parameter = (coefficients.decoupledDecay * parameter - coefficients.stepSize * along) *
                coefficients.parameterScale;
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_MOMO_H_
