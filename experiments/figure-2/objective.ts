/**
 * A function on which the Polyak step oscillates between two symmetrical points (Figure 2 of the
 * paper, which does not give its own): a narrow basin around the minimum 0 at w = 0, on slopes that
 * flatten out, where the Polyak step size is overestimated.
 */

const basinWidth = 0.7;
const slope = 0.52;
const power = 0.45;
const rounding = 0.5625;

/** f(w) = 1 - exp(-(w / 0.7)^2) + 0.52 ((w^2 + 0.5625)^0.45 - 0.5625^0.45) */
export function objective(w: number): number {
  const basin = -Math.expm1(-((w / basinWidth) ** 2));
  return basin + slope * ((w * w + rounding) ** power - rounding ** power);
}

/** f'(w) */
export function derivative(w: number): number {
  const basin = ((2 * w) / basinWidth ** 2) * Math.exp(-((w / basinWidth) ** 2));
  return basin + 2 * slope * power * w * (w * w + rounding) ** (power - 1);
}

/** Where all runs start. */
export const start = 2.5;

/** A run has converged when |w| is smaller. */
export const tolerance = 1e-6;
