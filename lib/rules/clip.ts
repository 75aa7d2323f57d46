/** Clipping of a gradient by value, bit for bit native/rules/clip.h. */

/**
 * The gradient with each element clipped at the magnitude `most`, or the gradient itself where that is
 * Infinity. NaN stays NaN, so that its step is refused.
 */
export function clippedGradient(gradient: Float32Array, most: number): Float32Array {
  if (most === Infinity) return gradient;
  return gradient.map((value) => (value > most ? most : value < -most ? -most : value));
}
