/**
 * Figure 1 of the paper: in one dimension, the Polyak step w' = w - (f(w) - f*) / f'(w) lands where
 * the tangent at w meets the plane z = f*, and with f* = 0 it is the Newton-Raphson step for a root
 * of f. The paper names no function; here f(w) = exp(w) - w - 1 + f*, convex, with its minimum f*
 * at 0.
 */
import { fusedAliGStep } from 'tfjs-alig';

import type {
  Experiment,
  FinishedRun,
  Run,
  RunSpecification,
  StepOutcome,
} from '../runner/experiment.js';
import { markdownTable } from '../runner/table.js';
import { drawPolyakSteps } from './chart.js';
import { derivative, objective, roundingOf, start, tangentMeets } from './objective.js';

/** A step of the package: ALI-G without a maximal learning rate, epsilon 0 and lower bound f*. */
function polyakStep(parameters: Float32Array, minimum: number): StepOutcome {
  const w = parameters[0]!;
  const report = fusedAliGStep({
    parameters: [parameters],
    gradients: [Float32Array.of(derivative(w))],
    loss: objective(w, minimum),
    maxLearningRate: null,
    epsilon: 0,
    lowerBound: minimum,
  });
  return {
    engine: report.engine,
    record: {
      w,
      loss: report.loss,
      derivative: derivative(w),
      stepSize: report.stepSize,
      gradientNorm: report.gradientNorm,
      next: parameters[0]!,
      tangentMeetsMinimum: tangentMeets(w, minimum, minimum),
    },
  };
}

/** A step of Newton-Raphson for a root of f, in double: what the Polyak step is compared with. */
function newtonStep(parameters: Float64Array, minimum: number): StepOutcome {
  const w = parameters[0]!;
  parameters[0] = tangentMeets(w, 0, minimum);
  return {
    engine: null,
    record: { w, loss: objective(w, minimum), derivative: derivative(w), next: parameters[0] },
  };
}

function startRun({ method, hyperParameters }: RunSpecification): Run {
  const minimum = hyperParameters['minimum'] as number;
  const parameters = method === 'polyak' ? Float32Array.of(start) : Float64Array.of(start);
  return {
    step: () =>
      parameters instanceof Float32Array
        ? polyakStep(parameters, minimum)
        : newtonStep(parameters, minimum),
    save: () => ({ parameters: parameters.slice() }),
    restore: ({ parameters: saved }) => {
      parameters.set(saved as Float32Array | Float64Array);
    },
  };
}

/** The run of a method at a minimum. */
function find(runs: readonly FinishedRun[], method: string, minimum: number): FinishedRun {
  const found = runs.find(
    (run) => run.header.configuration.method === method && minimumOf(run) === minimum,
  );
  if (found === undefined) {
    throw new Error(`There is no run of ${method} with minimum ${minimum}.`);
  }
  return found;
}

function minimumOf({ header }: FinishedRun): number {
  return header.configuration.hyperParameters['minimum'] as number;
}

/** The largest distance of a Polyak step from its landing, in units of what rounding may move it. */
function worstRatio(run: FinishedRun, landing: (w: number) => number): number {
  const ratios = run.steps.map(({ w, next }) => {
    const expected = landing(w as number);
    return (
      Math.abs((next as number) - expected) / roundingOf(w as number, expected, minimumOf(run))
    );
  });
  return Math.max(...ratios);
}

/** The minima f*; the plane z = f* is the axis for the first. */
export const minima = [0, 1] as const;

const experiment: Experiment = {
  name: 'figure-1',
  grid: (quick) =>
    ['polyak', 'newton'].flatMap((method) =>
      minima.map((minimum) => ({
        method,
        hyperParameters: { minimum },
        seed: 0,
        steps: quick ? 6 : 20,
      })),
    ),
  start: startRun,
  report(runs) {
    const claims = [
      ...minima.map((minimum) => ({
        claim: `f* = ${minimum}: lands where the tangent meets z = f*`,
        worst: worstRatio(find(runs, 'polyak', minimum), (w) => tangentMeets(w, minimum, minimum)),
      })),
      {
        claim: 'f* = 0: is the Newton-Raphson step for a root of f',
        worst: worstRatio(find(runs, 'polyak', 0), (w) => tangentMeets(w, 0, 0)),
      },
      {
        claim: 'f* = 1: is the Newton-Raphson step for a root of f (it is not meant to be)',
        worst: worstRatio(find(runs, 'polyak', 1), (w) => tangentMeets(w, 0, 1)),
      },
    ];
    const iterates = (method: string, minimum: number) =>
      find(runs, method, minimum).steps.map(({ w }) => w as number);
    return {
      summary: {
        claims,
        iterates: minima.map((minimum) => ({
          minimum,
          polyak: iterates('polyak', minimum),
          newton: iterates('newton', minimum),
        })),
      },
      figures: [
        {
          name: 'figure-1',
          specification: drawPolyakSteps(
            minima.map((minimum) => ({ minimum, iterates: iterates('polyak', minimum) })),
          ),
        },
      ],
      tables: [
        {
          name: 'table',
          markdown: markdownTable(
            ['Claim, over all steps', 'Worst distance / rounding of float32'],
            claims.map(({ claim, worst }) => [claim, worst.toPrecision(3)]),
          ),
        },
      ],
    };
  },
};

export default experiment;
