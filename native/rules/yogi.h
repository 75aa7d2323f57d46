// Yogi ("Adaptive Methods for Nonconvex Optimization", Zaheer et al. 2018): Adam whose second
// moment approaches g^2 by steps of (1 - beta2) g^2. lib/rules/yogi.ts has the same formulas in
// TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_YOGI_H_
#define TFJS_ALIG_RULES_YOGI_H_

#include "rules/adam.h"

namespace tfjs_alig {

// v = v - (1 - beta2) sign(v - g^2) g^2
struct Yogi : AdamOf<Yogi> {
  static constexpr const char* kName = "yogi";
  static constexpr int kStates = 2;

  static TFJS_ALIG_FORMULA float secondMoment(const Coefficients& coefficients, float gradient,
                                              float moment) {
    const float square = gradient * gradient;
    const float change = coefficients.secondMoment.weight * square;
    return moment + (moment < square ? change : moment > square ? -change : 0.0f);
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_YOGI_H_
