/** What the rules' formulas stand on; native/rules/{formula,rule}.h have the same in C++. */
const SMALLEST_NORMAL = 2 ** -126;

/** A state element as it is stored: 0 where it would be denormal (formula.h says why). */
export function storedState(value: number): number {
  return Math.abs(value) < SMALLEST_NORMAL ? 0 : value;
}

/** The float32 numerator / denominator, and 0 where the denominator is 0 (formula.h says why). */
export function divideNoNan(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : Math.fround(numerator / denominator);
}

/** The gradient of the loss with the penalty (lambda / 2) |w|^2. */
export function penalizedGradient(
  weightDecay: number,
  gradient: number,
  parameter: number,
): number {
  return Math.fround(gradient + Math.fround(weightDecay * parameter));
}

/** base^exponent by repeated squaring: Math.pow has other last bits than C++ and CUDA. */
export function integerPower(base: number, exponent: number): number {
  let power = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power *= square;
    square *= square;
  }
  return power;
}

/** numerator / denominator, and 0 where all that would divide is 0 (rule.h says why). */
export function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
