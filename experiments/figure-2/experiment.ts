/**
 * Figure 2 of the paper: on a non-convex function the Polyak step oscillates between two symmetrical
 * points, and ALI-G converges whenever its maximal learning rate is lower than 10.
 */
import { fusedAliGStep, type EngineName } from 'tfjs-alig';

import type {
  Experiment,
  FinishedRun,
  Run,
  RunSpecification,
  StepOutcome,
} from '../runner/experiment.js';
import { markdownTable } from '../runner/table.js';
import { drawObjective, drawRates, drawTrajectories } from './chart.js';
import { derivative, objective, start, tolerance } from './objective.js';

/** Steps after which a run that has not converged is taken for one that does not. */
export const stepLimit = 5000;

/** Rates that the figure shows, on both sides of the limit. */
const shownRates = [0.1, 1, 9, 11] as const;

/** The bisection begins here: the paper says 10, its graph cannot say more than 5 to 20. */
const bracket = { converges: 5, oscillates: 20 } as const;

/** One step of the package at float32 parameters. */
function takeStep(parameters: Float32Array, maxLearningRate: number | null) {
  const w = parameters[0]!;
  return fusedAliGStep({
    parameters: [parameters],
    gradients: [Float32Array.of(derivative(w))],
    loss: objective(w),
    maxLearningRate,
    epsilon: 0,
  });
}

/** The same step in double, which says what float32 changes. */
function takeStepInDouble(parameters: Float64Array, maxLearningRate: number | null): void {
  const w = parameters[0]!;
  const slope = derivative(w);
  parameters[0] = w - Math.min(objective(w) / slope ** 2, maxLearningRate ?? Infinity) * slope;
}

function hasConverged(parameters: Float32Array | Float64Array): boolean {
  return Math.abs(parameters[0]!) < tolerance;
}

/** Whether ALI-G converges from the start, in float32 (the package) or in double. */
export function converges(
  maxLearningRate: number | null,
  precision: 'float32' | 'double' = 'float32',
): boolean {
  const parameters = precision === 'float32' ? Float32Array.of(start) : Float64Array.of(start);
  for (let step = 0; step < stepLimit && !hasConverged(parameters); step++) {
    if (parameters instanceof Float32Array) {
      takeStep(parameters, maxLearningRate);
    } else {
      takeStepInDouble(parameters, maxLearningRate);
    }
  }
  return hasConverged(parameters);
}

/** A trajectory; without `recorded` the log has only its last step. */
function trajectory(maxLearningRate: number | null, recorded: boolean, steps: number): Run {
  const parameters = Float32Array.of(start);
  let count = 0;
  return {
    step(): StepOutcome {
      const w = parameters[0]!;
      const { loss, stepSize, gradientNorm, clipped, engine } = takeStep(
        parameters,
        maxLearningRate,
      );
      count += 1;
      const converged = hasConverged(parameters);
      const record = { w, loss, stepSize, gradientNorm, clipped, next: parameters[0]! };
      return {
        engine,
        record: recorded || converged || count === steps ? record : null,
        ...(converged ? { end: 'converged' } : {}),
      };
    },
    save: () => ({ parameters: parameters.slice(), count }),
    restore: (state) => {
      parameters.set(state['parameters'] as Float32Array);
      count = state['count'] as number;
    },
  };
}

/** Halves the interval between a rate that converges and one that does not; a step is a trial. */
function bisection(precision: 'float32' | 'double'): Run {
  let { converges: low, oscillates: high } = bracket as { converges: number; oscillates: number };
  const engine: EngineName | null =
    precision === 'float32' ? takeStep(Float32Array.of(start), null).engine : null;
  return {
    step(): StepOutcome {
      const middle = (low + high) / 2;
      // The step rounds the rate to float32, so that no more rates than these can be told apart.
      const rate = precision === 'float32' ? Math.fround(middle) : middle;
      if (rate <= low || rate >= high) {
        return { engine, record: { low, high }, end: 'neighbours' };
      }
      const converged = converges(rate, precision);
      [low, high] = converged ? [rate, high] : [low, rate];
      return { engine, record: { rate, converged, low, high } };
    },
    save: () => ({ low, high }),
    restore: (state) => {
      low = state['low'] as number;
      high = state['high'] as number;
    },
  };
}

function startRun({ method, hyperParameters, steps }: RunSpecification): Run {
  switch (method) {
    case 'polyak':
      return trajectory(null, true, steps);
    case 'alig':
      return trajectory(hyperParameters['maxLearningRate'] as number, true, steps);
    case 'sweep':
      return trajectory(hyperParameters['maxLearningRate'] as number, false, steps);
    case 'bisection':
      return bisection(hyperParameters['precision'] as 'float32' | 'double');
    default:
      throw new Error(`There is no method ${method}.`);
  }
}

/** Rates from 0.01 to 1000, evenly in their logarithm, and more of them around the limit. */
function sweptRates(quick: boolean): number[] {
  const count = quick ? 21 : 101;
  const wide = Array.from({ length: count }, (_, index) =>
    Number((0.01 * 10 ** ((5 * index) / (count - 1))).toPrecision(4)),
  );
  const near = quick ? [] : Array.from({ length: 40 }, (_, index) => (365 + index) / 40);
  return [...new Set([...wide, ...near])].sort((a, b) => a - b);
}

function ofMethod(runs: readonly FinishedRun[], method: string): FinishedRun[] {
  return runs.filter(({ header }) => header.configuration.method === method);
}

function rateOf({ header }: FinishedRun): number {
  return header.configuration.hyperParameters['maxLearningRate'] as number;
}

/** w_0 and what each step led to. */
function iterates({ steps }: FinishedRun): number[] {
  return [start, ...steps.map(({ next }) => next as number)];
}

/** The largest rate that converges and its neighbour, as a bisection ended. */
function limitOf(runs: readonly FinishedRun[], precision: string) {
  const run = ofMethod(runs, 'bisection').find(
    ({ header }) => header.configuration.hyperParameters['precision'] === precision,
  );
  const last = run?.steps.at(-1);
  return { converges: last?.['low'] as number, oscillates: last?.['high'] as number };
}

const experiment: Experiment = {
  name: 'figure-2',
  grid(quick) {
    const common = { seed: 0, steps: quick ? 1000 : stepLimit };
    return [
      { method: 'polyak', hyperParameters: {}, seed: 0, steps: 60 },
      ...shownRates.map((maxLearningRate) => ({
        method: 'alig',
        hyperParameters: { maxLearningRate },
        seed: 0,
        steps: 60,
      })),
      ...sweptRates(quick).map((maxLearningRate) => ({
        ...common,
        method: 'sweep',
        hyperParameters: { maxLearningRate },
      })),
      ...['float32', 'double'].map((precision) => ({
        method: 'bisection',
        hyperParameters: { precision },
        seed: 0,
        steps: 60,
      })),
    ];
  },
  start: startRun,
  report(runs) {
    const [polyak] = ofMethod(runs, 'polyak');
    if (polyak === undefined) {
      throw new Error('There is no run of the Polyak step.');
    }
    const limit = limitOf(runs, 'float32');
    const limitInDouble = limitOf(runs, 'double');
    const sweep = ofMethod(runs, 'sweep').map((run) => ({
      maxLearningRate: rateOf(run),
      converged: run.end.reason === 'converged',
      steps: run.end.steps,
      distance: Math.abs(iterates(run).at(-1)!),
    }));
    const contradictions = sweep.filter(
      ({ maxLearningRate, converged }) => converged !== maxLearningRate <= limit.converges,
    );
    const lastSteps = polyak.steps.slice(-2);
    const summary = {
      cycle: lastSteps.map(({ next }) => next),
      stepSizeInCycle: lastSteps.map(({ stepSize }) => stepSize),
      limit,
      limitInDouble,
      sweep,
      contradictions,
    };
    const convergedRates = sweep.filter(({ converged }) => converged);
    const otherRates = sweep.filter(({ converged }) => !converged);
    const rates = (list: typeof sweep) =>
      `${list.length} (${String(list.at(0)?.maxLearningRate)} to ${String(list.at(-1)?.maxLearningRate)})`;
    const trajectories = [
      { label: 'Polyak step', iterates: iterates(polyak) },
      ...ofMethod(runs, 'alig').map((run) => ({
        label: `ALI-G, η = ${rateOf(run)}`,
        iterates: iterates(run),
      })),
    ];
    return {
      summary,
      figures: [
        {
          name: 'figure-2',
          specification: drawObjective(
            iterates(polyak),
            iterates(ofMethod(runs, 'alig').find((run) => rateOf(run) === 1)!),
          ),
        },
        { name: 'trajectories', specification: drawTrajectories(trajectories) },
        { name: 'rates', specification: drawRates(sweep, limit.converges) },
      ],
      tables: [
        {
          name: 'table',
          markdown: markdownTable(
            ['Measured', 'Value'],
            [
              [
                'Polyak step: points it ends up between',
                summary.cycle.map((w) => (w as number).toPrecision(7)).join(' and '),
              ],
              [
                'Polyak step: step size there',
                summary.stepSizeInCycle.map((size) => (size as number).toPrecision(5)).join(', '),
              ],
              ['Largest η that converges (float32, the package)', limit.converges.toPrecision(9)],
              ['Next float32, which oscillates', limit.oscillates.toPrecision(9)],
              ['Largest η that converges (double)', limitInDouble.converges.toPrecision(15)],
              ['Rates of the sweep that converge', rates(convergedRates)],
              [
                'Most steps that one of them took',
                String(Math.max(...convergedRates.map(({ steps }) => steps))),
              ],
              ['Rates of the sweep that do not', rates(otherRates)],
              ['Rates on the wrong side of the limit', String(contradictions.length)],
            ],
          ),
        },
      ],
    };
  },
};

export default experiment;
