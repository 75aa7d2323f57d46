// Clipping of a gradient by value: each of its elements, before anything is made of it.
#ifndef TFJS_ALIG_RULES_CLIP_H_
#define TFJS_ALIG_RULES_CLIP_H_

#include "rules/formula.h"

namespace tfjs_alig {

// What an element of a gradient counts as where its magnitude is at most `most` (infinity: any).
// NaN stays NaN, so that its step is refused.
TFJS_ALIG_FORMULA float clipped(float gradient, float most) {
  const float above = gradient > most ? most : gradient;
  return above < -most ? -most : above;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_CLIP_H_
