// The root of a second moment with epsilon, as AdaGrad and RMSProp divide by it. lib/rules/root.ts
// has the same formula in TypeScript, bit for bit.
#ifndef TFJS_ALIG_RULES_ROOT_H_
#define TFJS_ALIG_RULES_ROOT_H_

#include "rules/formula.h"

namespace tfjs_alig {

// sqrt(v) + epsilon or sqrt(v + epsilon): one of the two is 0.
TFJS_ALIG_FORMULA float rootWithEpsilon(float value, float insideEpsilon, float outsideEpsilon) {
  return std::sqrt(value + insideEpsilon) + outsideEpsilon;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ROOT_H_
