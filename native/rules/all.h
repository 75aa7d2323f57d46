// The one list of rules. A rule's place in it is its number, which lib/rules/all.ts has as well.
#ifndef TFJS_ALIG_RULES_ALL_H_
#define TFJS_ALIG_RULES_ALL_H_

#include "rules/adagrad.h"
#include "rules/adam.h"
#include "rules/alig.h"
#include "rules/aprox.h"
#include "rules/bpgrad.h"
#include "rules/dfw.h"
#include "rules/l4.h"
#include "rules/momo.h"
#include "rules/rmsprop.h"
#include "rules/sgd.h"
#include "rules/sps.h"
#include "rules/yogi.h"

#define TFJS_ALIG_RULES(X)   \
  X(AliG)                    \
  X(AliGNesterov)            \
  X(AliGAdjusted)            \
  X(Sgd)                     \
  X(SgdMomentum)             \
  X(Adam)                    \
  X(AmsGrad)                 \
  X(Yogi)                    \
  X(AdaGrad)                 \
  X(RmsProp)                 \
  X(RmsPropMomentum)         \
  X(RmsPropCentered)         \
  X(RmsPropCenteredMomentum) \
  X(Dfw)                     \
  X(DfwMomentum)             \
  X(L4Mom)                   \
  X(L4Adam)                  \
  X(Aprox)                   \
  X(BPGrad)                  \
  X(BPGradMomentum)          \
  X(Sps)                     \
  X(SpsSmooth)               \
  X(Momo)                    \
  X(MomoAdam)

namespace tfjs_alig {

#define TFJS_ALIG_COUNT(Rule) +1
constexpr int kRules = TFJS_ALIG_RULES(TFJS_ALIG_COUNT);
#undef TFJS_ALIG_COUNT

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_ALL_H_
