/**
 * The properties that are proved for ALI-G, without momentum, as measurements: what is measured, the
 * bound, and the table of problems and settings. d0 = |w_0 - w*|, wbar the mean of w_0 to w_T, and
 * k = min(eta, 1 / (2 beta)).
 */
import { SeededRandom } from '../seeded-random.js';
import {
  interpolationProblem,
  meanLoss,
  secantProblem,
  toleranceProblem,
  type Problem,
  type ProblemKind,
} from './problems.js';
import { minimizeNested, truncatedModel } from './proximal-model.js';
import { average, distance, dot, norm } from './vectors.js';

/** The settings of one row of the table. */
export interface Setting {
  readonly problem: string;
  /** Maximal learning rate eta, in units of 1 / beta or, for P5, of mu / beta^2. */
  readonly relativeRate?: number | null;
  /** Maximal learning rate eta itself. */
  readonly rate?: number | null;
  /** Added to the squared gradient norm (delta in the proofs). */
  readonly epsilon?: number;
  /** Interpolation tolerance (epsilon in the paper). */
  readonly tolerance?: number;
  /** Whether the parameters stay in a ball that has w* in it. */
  readonly ball?: boolean;
}

/** A step as the properties see it. */
export interface StepSeen {
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly gradient: Float32Array;
  readonly loss: number;
  readonly maxLearningRate: number | null;
  readonly random: SeededRandom;
}

/** The trajectories of a run after T steps. */
export interface TrajectoriesSeen {
  readonly steps: number;
  readonly problem: Problem;
  readonly maxLearningRate: number | null;
  readonly epsilon: number;
  readonly startDistance: number;
  /** The last iterates. */
  readonly iterates: readonly Float32Array[];
  /** The means of all iterates. */
  readonly means: readonly Float32Array[];
  /** For each trajectory, the mean of the losses that its steps saw. */
  readonly sampleLosses: readonly number[];
}

/** Measured and bound. */
export interface Measurement {
  readonly measured: number;
  readonly bound: number;
}

interface CommonProperty {
  readonly name: string;
  /** The statement, for tables. */
  readonly statement: string;
  readonly settings: readonly Setting[];
  makeProblem(setting: Setting, random: SeededRandom): Problem;
}

/** A property of what T steps lead to, in expectation over the samples. */
export interface TrajectoryProperty extends CommonProperty {
  readonly of: 'trajectories';
  measure(trajectories: TrajectoriesSeen): Measurement;
}

/** A property of every single step. */
export interface StepProperty extends CommonProperty {
  readonly of: 'step';
  measure(step: StepSeen, problem: Problem): Measurement;
}

/** One of P1 to P7. */
export type Property = TrajectoryProperty | StepProperty;

/** What rounding to float32 in one step may add to a distance. */
export function roundingOf(parameters: ArrayLike<number>): number {
  return 2 ** -22 * norm(parameters);
}

/** What each step's rounding, added up, may do to a squared distance after T steps. */
function roundingAfter({ steps, problem }: TrajectoriesSeen): number {
  return (steps * roundingOf(problem.solution)) ** 2;
}

function given(value: number | null, name: string): number {
  if (value === null) {
    throw new Error(`The problem has no ${name}.`);
  }
  return value;
}

/** k = min(eta, 1 / (2 beta)) */
function smallestStep({ problem, maxLearningRate }: TrajectoriesSeen): number {
  return Math.min(maxLearningRate ?? Infinity, 1 / (2 * given(problem.smoothness, 'smoothness')));
}

function meanSquaredDistance({ iterates, problem }: TrajectoriesSeen): number {
  return average(iterates.map((iterate) => distance(iterate, problem.solution) ** 2));
}

/** E f(wbar) - f* */
function excessOfMeans({ means, problem }: TrajectoriesSeen): number {
  return average(means.map((mean) => meanLoss(problem, mean))) - problem.minimum;
}

function convexProblem({ problem }: Setting, random: SeededRandom): Problem {
  return interpolationProblem(problem as ProblemKind, random, 8, 40);
}

const smoothRates = [0.1, 0.5, 10, null];

/** All properties with their problems and settings: the declared table of the experiment. */
export const properties: readonly Property[] = [
  {
    name: 'P1',
    of: 'trajectories',
    statement: 'E f(w̄) ≤ d₀ √((C² + δ) / (T + 1)), convex and Lipschitz, no η',
    settings: ['absolute', 'hinge'].flatMap((problem) =>
      [0, 1e-5, 1].map((epsilon) => ({ problem, epsilon, rate: null })),
    ),
    makeProblem: convexProblem,
    measure(seen) {
      const { problem, steps, startDistance, epsilon } = seen;
      const lipschitz = given(problem.lipschitz, 'Lipschitz constant');
      return {
        measured: excessOfMeans(seen),
        bound: startDistance * Math.sqrt((lipschitz ** 2 + epsilon) / (steps + 1)),
      };
    },
  },
  {
    name: 'P1-each-path',
    of: 'trajectories',
    statement: 'mean of the losses seen ≤ d₀ √((C² + δ) / T), on every path',
    settings: ['absolute', 'hinge'].map((problem) => ({ problem, epsilon: 0, rate: null })),
    makeProblem: convexProblem,
    measure({ problem, steps, startDistance, epsilon, sampleLosses }) {
      const lipschitz = given(problem.lipschitz, 'Lipschitz constant');
      return {
        measured: Math.max(...sampleLosses),
        bound: startDistance * Math.sqrt((lipschitz ** 2 + epsilon) / steps),
      };
    },
  },
  {
    name: 'P1eps',
    of: 'trajectories',
    statement: 'E f(w̄) − f* ≤ d₀ √((C² + δ) / (T + 1)) + ε √(C² / δ + 1), interpolation up to ε',
    settings: ['disagreeing', 'shifted'].flatMap((problem) =>
      [
        { tolerance: 0.01, epsilon: 0.01 },
        { tolerance: 0.1, epsilon: 1 },
        { tolerance: 0.1, epsilon: 30 },
        { tolerance: 1, epsilon: 30 },
      ].map((setting) => ({ problem, rate: null, ...setting })),
    ),
    makeProblem: ({ problem, tolerance = 0 }, random) =>
      toleranceProblem(problem as 'disagreeing' | 'shifted', random, 8, 40, tolerance),
    measure(seen) {
      const { problem, steps, startDistance, epsilon } = seen;
      const lipschitz = given(problem.lipschitz, 'Lipschitz constant');
      return {
        measured: excessOfMeans(seen),
        bound:
          startDistance * Math.sqrt((lipschitz ** 2 + epsilon) / (steps + 1)) +
          problem.tolerance * Math.sqrt(lipschitz ** 2 / epsilon + 1),
      };
    },
  },
  {
    name: 'P2',
    of: 'trajectories',
    statement: 'E f(w̄) ≤ d₀² / (k (T + 1)), convex and β-smooth',
    settings: ['squares', 'squaredHinge'].flatMap((problem) =>
      smoothRates.map((relativeRate) => ({ problem, relativeRate, epsilon: 0 })),
    ),
    makeProblem: convexProblem,
    measure: (seen) => ({
      measured: excessOfMeans(seen),
      bound: seen.startDistance ** 2 / (smallestStep(seen) * (seen.steps + 1)),
    }),
  },
  {
    name: 'P3',
    of: 'trajectories',
    statement: 'E |w_T − w*|² ≤ (1 − k α / 2)^T d₀², also α-strongly convex',
    settings: smoothRates.map((relativeRate) => ({
      problem: 'squares',
      relativeRate,
      epsilon: 0,
    })),
    makeProblem: (_, random) => interpolationProblem('squares', random, 4, 60),
    measure(seen) {
      const factor = 1 - (smallestStep(seen) * seen.problem.convexity) / 2;
      return {
        measured: meanSquaredDistance(seen),
        bound: factor ** seen.steps * seen.startDistance ** 2 + roundingAfter(seen),
      };
    },
  },
  {
    name: 'P4',
    of: 'step',
    statement: '|w′ − w*| ≤ |w − w*| for every step from w to w′, convex, any η, also on a ball',
    settings: ['absolute', 'hinge', 'squares'].flatMap((problem) =>
      [false, true].flatMap((ball) =>
        [null, 0.01, 100].map((rate) => ({ problem, rate, ball, epsilon: 0 })),
      ),
    ),
    makeProblem: ({ problem }, random) =>
      interpolationProblem(problem as ProblemKind, random, 6, 30),
    measure: ({ before, after }, { solution }) => ({
      measured: distance(after, solution),
      bound: distance(before, solution) + roundingOf(before),
    }),
  },
  {
    name: 'P5',
    of: 'trajectories',
    statement: 'E |w_T − w*|² ≤ (1 − k p μ)^T d₀², not convex, secant inequality μ, η ≤ μ / β²',
    settings: ['allDirections', 'halfOfTheDirections'].flatMap((problem) =>
      [0.1, 1].map((relativeRate) => ({ problem, relativeRate, epsilon: 0 })),
    ),
    makeProblem: ({ problem }, random) =>
      secantProblem(random, 6, 30, problem === 'allDirections' ? 1 : 0.5),
    measure(seen) {
      const { problem, steps, startDistance } = seen;
      return {
        measured: meanSquaredDistance(seen),
        bound:
          (1 - smallestStep(seen) * problem.convexity) ** steps * startDistance ** 2 +
          roundingAfter(seen),
      };
    },
  },
  {
    name: 'P6-search',
    of: 'step',
    statement:
      'a step goes to the argmin over v of |v − w|² / (2η) + max(l + g·(v − w), 0), found by search',
    settings: ['squares', 'hinge'].flatMap((problem) =>
      [0.01, 1].map((rate) => ({ problem, rate, epsilon: 0 })),
    ),
    makeProblem: ({ problem }, random) =>
      interpolationProblem(problem as ProblemKind, random, 2, 30),
    measure({ before, after, gradient, loss, maxLearningRate }) {
      const rate = given(maxLearningRate, 'maximal learning rate');
      const model = truncatedModel(before, gradient, Math.fround(loss), Math.fround(rate));
      // The minimum lies within eta * |g| of the start.
      const radius = rate * norm(gradient) + 1e-3;
      // A search by values finds a minimum to the root of their precision, and the outer search sees
      // values that are as wrong as the inner one left them.
      return {
        measured: distance(after, minimizeNested(model, [...before], radius)),
        bound: 2e-5 * (1 + norm(before) + radius),
      };
    },
  },
  {
    name: 'P6-neighbours',
    of: 'step',
    statement: 'no point near w′ has a smaller |v − w|² / (2η) + max(l + g·(v − w), 0)',
    settings: ['squares', 'absolute'].flatMap((problem) =>
      [0.01, 1].map((rate) => ({ problem, rate, epsilon: 0 })),
    ),
    makeProblem: ({ problem }, random) =>
      interpolationProblem(problem as ProblemKind, random, 30, 40),
    measure({ before, after, gradient, loss, maxLearningRate, random }) {
      const rate = given(maxLearningRate, 'maximal learning rate');
      const model = truncatedModel(before, gradient, Math.fround(loss), Math.fround(rate));
      const others = Array.from({ length: 20 }, (_, trial) => {
        const size = 10 ** -(1 + (trial % 4));
        const direction = trial % 2 === 0 ? gradient : random.normals(before.length);
        const sign = trial % 4 < 2 ? size : -size;
        return model(Array.from(after, (value, i) => value + sign * direction[i]!));
      });
      // Rounding moves the step by up to 2^-24 of each parameter: along g, and by the quadratic term
      // divided by eta, that is what it can cost.
      const moved = roundingOf(before);
      const cost = moved * norm(gradient) + (moved * distance(after, before)) / rate;
      return {
        measured: model([...after]),
        bound: Math.min(...others) + cost + moved ** 2 / rate,
      };
    },
  },
  {
    name: 'P7',
    of: 'step',
    statement: 'without η: l + g·(w′ − w) = 0, to the rounding of float32',
    settings: ['absolute', 'squares', 'squaredHinge'].map((problem) => ({
      problem,
      rate: null,
      epsilon: 0,
    })),
    makeProblem: convexProblem,
    measure({ before, after, gradient, loss }) {
      const move = Array.from(after, (value, i) => value - before[i]!);
      const rounding = Math.abs(loss) + norm(gradient) * (norm(before) + norm(after));
      const isStep = norm(gradient) > 0;
      return {
        // Where the gradient is 0, so is the loss, and there is nothing to land on.
        measured: isStep ? Math.abs(loss + dot(gradient, move)) : 0,
        bound: 2 ** -22 * rounding + Number.MIN_VALUE,
      };
    },
  },
];
