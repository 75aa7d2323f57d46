import MultivariateLinearRegression from 'ml-regression-multivariate-linear';
import { hostName, momentumName, plainName, tensorFlowName } from '../contenders/list.js';
import type { CaseResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { differingInSize, find } from './case.js';
import { digits, grouped, table } from './markdown.js';

/** Microseconds = start + tensor * tensors + nanoseconds / 1000 * parameters. */
export interface Growth {
  readonly startMicroseconds: number;
  readonly tensorMicroseconds: number;
  readonly parameterNanoseconds: number;
  /** The largest difference of a measurement from the fit, as a part of the measurement. */
  readonly largestError: number;
}

export interface Measurement {
  readonly tensors: number;
  readonly parameters: number;
  readonly milliseconds: number;
}

/** A fit has three numbers to find. */
const fewestMeasurements = 4;

/**
 * Fits relative errors: equations are divided by the measured time, or the largest sizes alone
 * would decide.
 */
export function fitGrowth(measurements: readonly Measurement[]): Growth | null {
  if (measurements.length < fewestMeasurements) return null;
  const microseconds = measurements.map(({ milliseconds }) => 1000 * milliseconds);
  const terms = measurements.map(({ tensors, parameters }) => [1, tensors, parameters / 1000]);
  const { weights } = new MultivariateLinearRegression(
    terms.map((row, i) => row.map((term) => term / microseconds[i]!)),
    microseconds.map(() => [1]),
    { intercept: false, statistics: false },
  );
  const [start, tensor, parameter] = weights.map(([weight]) => weight!) as [number, number, number];
  const fitted = terms.map(([a, b, c]) => start * a! + tensor * b! + parameter * c!);
  return {
    startMicroseconds: start,
    tensorMicroseconds: tensor,
    parameterNanoseconds: parameter,
    largestError: Math.max(...fitted.map((value, i) => Math.abs(value / microseconds[i]! - 1))),
  };
}

/** A step whose arrays fit in a cache costs less a parameter than one that needs the memory. */
const regimes = [
  { text: 'up to 100,000 parameters', holds: (elements: number) => elements <= 1e5 },
  { text: 'from 10 million parameters', holds: (elements: number) => elements >= 1e7 },
];

function measurementsOf(cases: readonly CaseResult[], name: string): Measurement[] {
  return cases.flatMap((result) => {
    const { tensors, elements } = result;
    const found = find(result, name);
    return found ? [{ tensors, parameters: elements, milliseconds: found.median }] : [];
  });
}

/** How the time of a step grows with tensors and parameters. */
export function growthSection(results: StepResults): string {
  const comparable = differingInSize(results);
  const rows = regimes.flatMap(({ text, holds }) =>
    [hostName, tensorFlowName, plainName, momentumName].flatMap((name) => {
      const measurements = measurementsOf(
        comparable.filter(({ elements }) => holds(elements)),
        name,
      );
      const fit = fitGrowth(measurements);
      if (!fit) return [];
      return [
        [
          name,
          text,
          grouped(measurements.length),
          digits(fit.startMicroseconds),
          digits(fit.tensorMicroseconds),
          digits(fit.parameterNanoseconds),
          digits(100 * fit.largestError),
        ],
      ];
    }),
  );
  return table(
    ['', 'sizes', '>cases', '>us a step', '>us a tensor', '>ns a parameter', '>largest error %'],
    rows,
  );
}
