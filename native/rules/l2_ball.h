// The constraint |w| <= radius on the norm of all parameters together, and its projection, which is
// one scale for all of them (section "Regularization" of the paper).
#ifndef TFJS_ALIG_RULES_L2_BALL_H_
#define TFJS_ALIG_RULES_L2_BALL_H_

#include "rules/formula.h"

namespace tfjs_alig {

struct L2Ball {
  float radius;  // infinity: no constraint

  // An overflowed norm is never projected: scaling by 0 would hide the overflow.
  TFJS_ALIG_FORMULA bool projects(double squaredNorm) const {
    return std::isfinite(squaredNorm) &&
           squaredNorm > static_cast<double>(radius) * static_cast<double>(radius);
  }

  TFJS_ALIG_FORMULA float scale(double squaredNorm) const {
    return static_cast<float>(static_cast<double>(radius) / std::sqrt(squaredNorm));
  }
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_L2_BALL_H_
