// What every formula of this folder stands on. The rules are plain functions on numbers, so that
// one text serves the CPU (compiled once per instruction set) and CUDA.
#ifndef TFJS_ALIG_RULES_FORMULA_H_
#define TFJS_ALIG_RULES_FORMULA_H_

#include <cfloat>
#include <cmath>

#if defined(__CUDACC__)
#define TFJS_ALIG_FORMULA __host__ __device__ __forceinline__
#elif defined(_MSC_VER)
#define TFJS_ALIG_FORMULA __forceinline
#else
// Forced: a helper that the compiler left out of line was compiled for the base instruction set
// only, which made the step 3 times slower.
#define TFJS_ALIG_FORMULA inline __attribute__((always_inline))
#endif

namespace tfjs_alig {

// What is stored as state (velocities, moments) is 0 where it would be denormal: 0.9 * v rounds to
// v at the bottom of the denormal range, so that a velocity never leaves it, and an element then
// costs 6.5 ns instead of 0.4 ns.
TFJS_ALIG_FORMULA float storedState(float value) {
  return std::fabs(value) < FLT_MIN ? 0.0f : value;
}

// numerator / denominator, and 0 where the denominator is 0, which it is only where epsilon is 0
// and no gradient has come yet. The published code gives NaN there.
TFJS_ALIG_FORMULA float divideNoNan(float numerator, float denominator) {
  const float quotient = numerator / denominator;
  return denominator == 0.0f ? 0.0f : quotient;
}

// The gradient of the loss with the penalty (lambda / 2) |w|^2.
TFJS_ALIG_FORMULA float penalizedGradient(float weightDecay, float gradient, float parameter) {
  return gradient + weightDecay * parameter;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_FORMULA_H_
