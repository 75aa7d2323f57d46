import type { Agreement } from '../contenders/list.js';

/**
 * Largest difference from the formula, as a part of the largest parameter, for steps that sum in
 * float32. An element meets 5 roundings of 6e-8 a step, 9e-7 in the 3 steps that are compared;
 * TensorFlow's norm of 25.6 million float32 adds about as much to the step size and, with the ball
 * active, to the scale. A wrong formula is off by 1e-2 here.
 */
export const tolerance = 1e-5;

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return (
    Buffer.compare(
      Buffer.from(a.buffer, a.byteOffset, a.byteLength),
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    ) === 0
  );
}

/** The largest difference as a part of the largest value; NaN where there is one. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    largest = Math.max(largest, Math.abs(a[i]!));
  }
  return difference / largest;
}

/** Where the values do not agree with the expected ones, and by how much; null: they do. */
export function disagreement(
  agreement: Agreement,
  expected: readonly Float32Array[],
  actual: readonly Float32Array[],
): string | null {
  for (const [tensor, wanted] of expected.entries()) {
    const values = actual[tensor]!;
    const agrees =
      agreement === 'exact'
        ? sameBits(wanted, values)
        : largestDifference(wanted, values) <= tolerance;
    if (agrees) continue;
    const difference = largestDifference(wanted, values).toPrecision(2);
    return `tensor ${tensor} differs from the formula by ${difference} of its largest value`;
  }
  return null;
}
