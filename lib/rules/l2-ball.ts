/** The projection on the L2 ball, bit for bit native/rules/l2_ball.h. */

/** Whether the L2 ball of this radius leaves parameters of this squared norm outside. */
export function projects(radius: number, squaredNorm: number): boolean {
  return Number.isFinite(squaredNorm) && squaredNorm > radius * radius;
}

/** The float32 factor that scales parameters of this squared norm back on the ball. */
export function projectionScale(radius: number, squaredNorm: number): number {
  return Math.fround(radius / Math.sqrt(squaredNorm));
}
