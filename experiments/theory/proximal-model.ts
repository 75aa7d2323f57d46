import { distance, dot } from './vectors.js';

/** A function of several numbers. */
export type Objective = (point: readonly number[]) => number;

/**
 * The problem that a step solves (Proposition 1 of the paper), the proximal truncated linear model:
 * |w - w_t|^2 / (2 eta) + max(loss + <g, w - w_t>, 0).
 */
export function truncatedModel(
  parameters: ArrayLike<number>,
  gradient: ArrayLike<number>,
  loss: number,
  maxLearningRate: number,
): Objective {
  return (point) => {
    const move = point.map((value, i) => value - parameters[i]!);
    return (
      distance(point, parameters) ** 2 / (2 * maxLearningRate) +
      Math.max(loss + dot(gradient, move), 0)
    );
  };
}

/** Minimises a convex function of several numbers by nested golden-section searches. */
export function minimizeNested(
  objective: Objective,
  centre: readonly number[],
  radius: number,
): number[] {
  const golden = (Math.sqrt(5) - 1) / 2;
  const search = (fixed: readonly number[]): { point: number[]; value: number } => {
    if (fixed.length === centre.length) return { point: [...fixed], value: objective(fixed) };
    const at = (coordinate: number) => search([...fixed, coordinate]);
    let low = centre[fixed.length]! - radius;
    let high = centre[fixed.length]! + radius;
    let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    let [atLeft, atRight] = [at(left), at(right)];
    // 0.618^40 = 4e-9 of the interval.
    for (let iteration = 0; iteration < 40; iteration++) {
      if (atLeft.value <= atRight.value) {
        [high, right, atRight] = [right, left, atLeft];
        left = high - golden * (high - low);
        atLeft = at(left);
      } else {
        [low, left, atLeft] = [left, right, atRight];
        right = low + golden * (high - low);
        atRight = at(right);
      }
    }
    return atLeft.value <= atRight.value ? atLeft : atRight;
  };
  return search([]).point;
}
