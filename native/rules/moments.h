// Exponential moving averages, as rules keep them of gradients and of their squares. The weight of
// the new value is what settings hold, and not the decay: 1 - 0.999 would be wrong in the fifth
// digit if 0.999 were rounded to float32 first. lib/rules/moments.ts has the same in TypeScript.
#ifndef TFJS_ALIG_RULES_MOMENTS_H_
#define TFJS_ALIG_RULES_MOMENTS_H_

#include "rules/rule.h"

namespace tfjs_alig {

// The two factors of a moving average.
struct Averaging {
  float decay;   // of the old average (beta)
  float weight;  // of the new value (1 - beta)
};

TFJS_ALIG_FORMULA Averaging averagingOf(double weight) {
  return {static_cast<float>(1.0 - weight), static_cast<float>(weight)};
}

// 1 - beta^t: what t values weigh in all in an average that started at 0.
TFJS_ALIG_FORMULA double sumOfWeights(double weight, std::int32_t stepNumber) {
  return 1.0 - integerPower(1.0 - weight, stepNumber);
}

// What such an average is multiplied by for the weights to add up to 1.
TFJS_ALIG_FORMULA double biasCorrection(double weight, std::int32_t stepNumber) {
  return 1.0 / sumOfWeights(weight, stepNumber);
}

TFJS_ALIG_FORMULA float movingAverage(const Averaging& averaging, float average, float value) {
  return storedState(averaging.decay * average + averaging.weight * value);
}

// Of the squares, not yet as it is stored: multiplied in this order a square overflows later than
// its average.
TFJS_ALIG_FORMULA float squareAverage(const Averaging& averaging, float average, float value) {
  return averaging.decay * average + (averaging.weight * value) * value;
}

TFJS_ALIG_FORMULA float movingSquareAverage(const Averaging& averaging, float average,
                                            float value) {
  return storedState(squareAverage(averaging, average, value));
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_MOMENTS_H_
