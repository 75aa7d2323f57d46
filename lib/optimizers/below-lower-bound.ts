import type { StepReport } from '../rules/report.js';

/**
 * Warns of a loss that is smaller than the step size is made for: training would stand still, or go
 * uphill, without a word.
 */
export function warnOfBound(
  owner: string,
  options: object,
  smallestLoss: number,
  { loss, stepSize }: StepReport,
): void {
  const name = ['lowerBound', 'optimalValue'].find((each) => Object.hasOwn(options, each));
  const uphill = stepSize < 0 ? ', which goes uphill' : '';
  console.warn(
    `${owner}: the loss ${loss} is below ${smallestLoss}, the smallest that the step size is ` +
      `computed for; the step size is ${stepSize}${uphill}. ` +
      (name === undefined
        ? 'Add a constant to the loss, so that it cannot be negative.'
        : `Give ${name} a value that the loss cannot fall below, or add a constant to the loss.`) +
      ' This is said once; lastStep.belowLowerBound tells it of each step.',
  );
}
