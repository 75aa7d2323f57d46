/**
 * The formulas of ALI-G in TypeScript, bit for bit those of native/rules/alig.h and l2_ball.h.
 * JavaScript computes in double: Math.fround after each operation gives what float32 hardware
 * gives, since a double holds more than twice the digits of a float32.
 */
import type { StepSettings } from './settings.js';

const { fround } = Math;
const SMALLEST_NORMAL = 2 ** -126;

/** Coefficients of the update, rounded once to float32. */
export interface Coefficients {
  readonly stepSize: number;
  readonly momentum: number;
  readonly stepMomentum: number;
}

export interface Decision {
  readonly stepSize: number;
  readonly unclippedStepSize: number;
  readonly coefficients: Coefficients;
  readonly clipped: boolean;
  /** Whether the coefficients are. */
  readonly finite: boolean;
}

/** The step size from the loss and the squared gradient norm, in double (Algorithm 1, line 4). */
export function decide(
  settings: StepSettings,
  loss: number,
  squaredGradientNorm: number,
): Decision {
  const { maxLearningRate, momentum, epsilon, lowerBound } = settings;
  const numerator = Math.max(loss - lowerBound, 0);
  const denominator = squaredGradientNorm + epsilon;
  // The published code gives NaN or an infinite step here; all gradients are 0, so that no step
  // size moves anything but an old velocity.
  const undefinedStep = denominator === 0 && (numerator === 0 || maxLearningRate === Infinity);
  const unclippedStepSize = undefinedStep ? 0 : numerator / denominator;
  const clipped = unclippedStepSize > maxLearningRate;
  const stepSize = clipped ? maxLearningRate : unclippedStepSize;
  const coefficients = {
    stepSize: fround(stepSize),
    momentum,
    stepMomentum: fround(stepSize * momentum),
  };
  const finite =
    Number.isFinite(coefficients.stepSize) && Number.isFinite(coefficients.stepMomentum);
  return { stepSize, unclippedStepSize, coefficients, clipped, finite };
}

/** A velocity as it is stored: 0 where it would be denormal (native/rules/formula.h says why). */
function storedState(value: number): number {
  return Math.abs(value) < SMALLEST_NORMAL ? 0 : value;
}

/** Updates one tensor in place; the form of the update follows from the settings. */
export function update(
  settings: StepSettings,
  coefficients: Coefficients,
  gradient: Float32Array,
  parameter: Float32Array,
  velocity: Float32Array | null,
): void {
  const { stepSize, momentum, stepMomentum } = coefficients;
  if (!velocity) {
    for (let i = 0; i < parameter.length; i++) {
      parameter[i] = parameter[i]! - fround(stepSize * gradient[i]!);
    }
  } else if (!settings.adjustedMomentum) {
    for (let i = 0; i < parameter.length; i++) {
      const step = fround(stepSize * gradient[i]!);
      const next = storedState(fround(fround(momentum * velocity[i]!) - step));
      velocity[i] = next;
      parameter[i] = fround(parameter[i]! - step) + fround(momentum * next);
    }
  } else {
    for (let i = 0; i < parameter.length; i++) {
      const step = fround(stepSize * gradient[i]!);
      const next = storedState(fround(fround(momentum * velocity[i]!) - gradient[i]!));
      velocity[i] = next;
      parameter[i] = fround(parameter[i]! - step) + fround(stepMomentum * next);
    }
  }
}

/** Whether the L2 ball of this radius leaves parameters of this squared norm outside. */
export function projects(radius: number, squaredNorm: number): boolean {
  return Number.isFinite(squaredNorm) && squaredNorm > radius * radius;
}

/** The float32 factor that scales parameters of this squared norm back on the ball. */
export function projectionScale(radius: number, squaredNorm: number): number {
  return fround(radius / Math.sqrt(squaredNorm));
}
