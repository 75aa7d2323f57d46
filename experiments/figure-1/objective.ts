/** The function of Figure 1: smooth and convex, and steeper on one side. */

/** Where all runs start. */
export const start = 2;

/** f(w), with the minimum f* at w = 0. */
export function objective(w: number, minimum: number): number {
  // expm1 keeps the digits that exp(w) - 1 loses near the minimum.
  return Math.expm1(w) - w + minimum;
}

/** f'(w). */
export function derivative(w: number): number {
  return Math.expm1(w);
}

/** Where the tangent of f at w has this height. */
export function tangentMeets(w: number, height: number, minimum: number): number {
  return w - (objective(w, minimum) - height) / derivative(w);
}

/**
 * What rounding to float32 (of w, of the step size and of the loss f, whose error the tangent carries
 * to w) may move a step from w to `landing` by.
 */
export function roundingOf(w: number, landing: number, minimum: number): number {
  const carried = Math.abs(objective(w, minimum) / derivative(w));
  return 2 ** -22 * (Math.abs(w) + Math.abs(landing) + carried);
}
