/**
 * Random problems that satisfy the assumptions of the paper's theorems. Losses and gradients are
 * computed in double at float32 parameters, so that interpolation is exact up to rounding.
 */
import type { SeededRandom } from '../seeded-random.js';
import { average, dot, norm } from './vectors.js';

/** One random loss l_z of a problem: its value at w, and a subgradient there. */
export interface Sample {
  loss(parameters: Float32Array): number;
  gradient(parameters: Float32Array): Float32Array;
}

/** A set of samples, and what the bounds depend on. */
export interface Problem {
  readonly samples: readonly Sample[];
  /** w*, which minimises every sample, or their mean where the samples disagree. */
  readonly solution: Float32Array;
  /** The smallest mean loss (f*): the mean loss at w*. */
  readonly minimum: number;
  /** The largest loss of a sample at w* (epsilon in the paper): 0 for exact interpolation. */
  readonly tolerance: number;
  /** Lipschitz constant C of all samples; null: there is none. */
  readonly lipschitz: number | null;
  /** Smoothness beta of all samples, the Lipschitz constant of their gradients; null: none. */
  readonly smoothness: number | null;
  /** Strong convexity alpha of the mean loss, or p mu, the constant of its secant inequality. */
  readonly convexity: number;
  /** mu, the constant of each sample's secant inequality. */
  readonly secant?: number;
}

/** A kind of convex problem on random inputs a. */
export type ProblemKind = 'absolute' | 'hinge' | 'squares' | 'squaredHinge';

/** A loss as a function of a.w, and its derivative. */
interface ScalarLoss {
  value(product: number): number;
  derivative(product: number): number;
}

/** The loss of an input whose product with w* is `target`; every one is 0 there. */
function scalarLoss(kind: ProblemKind, target: number): ScalarLoss {
  const label = Math.sign(target);
  switch (kind) {
    case 'absolute':
      return {
        value: (product) => Math.abs(product - target),
        derivative: (product) => Math.sign(product - target),
      };
    case 'hinge':
      return {
        value: (product) => Math.max(0, 1 - label * product),
        derivative: (product) => (label * product < 1 ? -label : 0),
      };
    case 'squares':
      return {
        value: (product) => (product - target) ** 2 / 2,
        derivative: (product) => product - target,
      };
    case 'squaredHinge':
      return {
        value: (product) => Math.max(0, 1 - label * product) ** 2 / 2,
        derivative: (product) => -label * Math.max(0, 1 - label * product),
      };
  }
}

function sampleOf(input: Float32Array, loss: ScalarLoss, offset = 0): Sample {
  return {
    loss: (parameters) => loss.value(dot(input, parameters)) + offset,
    gradient: (parameters) => {
      const derivative = loss.derivative(dot(input, parameters));
      return input.map((value) => derivative * value);
    },
  };
}

/** Random inputs; for the hinges such that every margin at w* is at least 1. */
function drawInputs(
  kind: ProblemKind,
  random: SeededRandom,
  solution: Float32Array,
  count: number,
): Float32Array[] {
  const hasMargin = kind === 'hinge' || kind === 'squaredHinge';
  const inputs: Float32Array[] = [];
  while (inputs.length < count) {
    const input = random.normals(solution.length);
    if (!hasMargin || Math.abs(dot(input, solution)) >= 1) inputs.push(input);
  }
  return inputs;
}

/** The smallest eigenvalue of the mean of a a^T: inverse power iteration on its Cholesky factor. */
export function strongConvexity(inputs: readonly Float32Array[]): number {
  const size = inputs[0]!.length;
  const lower = Array.from({ length: size }, () => new Float64Array(size));
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let entry = average(inputs.map((input) => input[row]! * input[column]!));
      for (let k = 0; k < column; k++) entry -= lower[row]![k]! * lower[column]![k]!;
      lower[row]![column] = row === column ? Math.sqrt(entry) : entry / lower[column]![column]!;
    }
  }
  let vector = new Float64Array(size).fill(1);
  let length = 0;
  for (let iteration = 0; iteration < 500; iteration++) {
    const solved = Float64Array.from(vector);
    for (let row = 0; row < size; row++) {
      for (let k = 0; k < row; k++) solved[row]! -= lower[row]![k]! * solved[k]!;
      solved[row]! /= lower[row]![row]!;
    }
    for (let row = size - 1; row >= 0; row--) {
      for (let k = row + 1; k < size; k++) solved[row]! -= lower[k]![row]! * solved[k]!;
      solved[row]! /= lower[row]![row]!;
    }
    length = norm(solved);
    vector = solved.map((value) => value / length);
  }
  return 1 / length;
}

/**
 * Convex losses that are all 0 at w*: regression |a.w - b| or (a.w - b)^2 / 2 with b = a.w*, hinge
 * max(0, 1 - y a.w) with every margin at w* at least 1, or half its square.
 */
export function interpolationProblem(
  kind: ProblemKind,
  random: SeededRandom,
  dimension: number,
  count: number,
): Problem {
  const solution = random.normals(dimension);
  const inputs = drawInputs(kind, random, solution, count);
  const largest = Math.max(...inputs.map((input) => norm(input)));
  const isSmooth = kind === 'squares' || kind === 'squaredHinge';
  return {
    samples: inputs.map((input) => sampleOf(input, scalarLoss(kind, dot(input, solution)))),
    solution,
    minimum: 0,
    tolerance: 0,
    lipschitz: isSmooth ? null : largest,
    smoothness: isSmooth ? largest ** 2 : null,
    convexity: kind === 'squares' ? strongConvexity(inputs) : 0,
  };
}

/**
 * Convex Lipschitz losses that are at most `tolerance` at w*, which minimises their mean.
 * 'disagreeing': regression |a.w - b| where each input comes twice, with b = a.w* +- tolerance: both
 * losses can be 0, but not at once. 'shifted': a hinge plus a constant, which no w brings to 0.
 */
export function toleranceProblem(
  kind: 'disagreeing' | 'shifted',
  random: SeededRandom,
  dimension: number,
  count: number,
  tolerance: number,
): Problem {
  const solution = random.normals(dimension);
  const lossKind = kind === 'disagreeing' ? 'absolute' : 'hinge';
  const inputs = drawInputs(lossKind, random, solution, count);
  const samples = inputs.flatMap((input) => {
    const target = dot(input, solution);
    return kind === 'disagreeing'
      ? [-tolerance, tolerance].map((shift) =>
          sampleOf(input, scalarLoss('absolute', target + shift)),
        )
      : [sampleOf(input, scalarLoss('hinge', target), tolerance)];
  });
  return {
    samples,
    solution,
    minimum: tolerance,
    tolerance,
    lipschitz: Math.max(...inputs.map((input) => norm(input))),
    smoothness: null,
    convexity: 0,
  };
}

/** Orthonormal random directions (Gram-Schmidt), in double. */
function orthonormalDirections(random: SeededRandom, dimension: number): Float64Array[] {
  const directions: Float64Array[] = [];
  for (let i = 0; i < dimension; i++) {
    let direction = Float64Array.from(random.normals(dimension));
    for (const earlier of directions) {
      const share = dot(direction, earlier);
      direction = direction.map((value, j) => value - share * earlier[j]!);
    }
    const length = norm(direction);
    directions.push(direction.map((value) => value / length));
  }
  return directions;
}

/** min of sin(x) / x. */
const smallestSinc = -0.2172336282112217;

/**
 * Non-convex losses that are all 0 at w* and satisfy a restricted secant inequality there:
 * <grad l_z(w), w - w*> >= mu |w - w*|^2 in the directions that a sample depends on. Each is a sum of
 * a u^2 + b sin^2 u over the coordinates u of w - w* in random directions, with b > a > 0, so that
 * its second derivative 2 a + 2 b cos 2u is negative at times; beta = 2 a + 2 b and
 * mu = 2 a + 2 b min sin(x) / x. `share`: how many of the directions a sample depends on.
 */
export function secantProblem(
  random: SeededRandom,
  dimension: number,
  count: number,
  share: number,
): Problem {
  const solution = random.normals(dimension);
  const directions = orthonormalDirections(random, dimension);
  const ofSample = Math.round(share * dimension);
  let smoothness = 0;
  let secant = Infinity;
  const samples = Array.from({ length: count }, (_, index): Sample => {
    // Every direction is in as many samples as any other, if `count` is a multiple of `dimension`.
    const terms = Array.from({ length: ofSample }, (_, offset) => {
      const a = 1 + random.uniform();
      const b = a * (1.5 + 1.5 * random.uniform());
      smoothness = Math.max(smoothness, 2 * a + 2 * b);
      secant = Math.min(secant, 2 * a + 2 * b * smallestSinc);
      return { a, b, direction: directions[(index + offset) % dimension]! };
    });
    const coordinate = (parameters: Float32Array, direction: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < dimension; i++) sum += direction[i]! * (parameters[i]! - solution[i]!);
      return sum;
    };
    return {
      loss: (parameters) =>
        terms.reduce((sum, { a, b, direction }) => {
          const u = coordinate(parameters, direction);
          return sum + a * u * u + b * Math.sin(u) ** 2;
        }, 0),
      gradient: (parameters) => {
        const gradient = new Float64Array(dimension);
        for (const { a, b, direction } of terms) {
          const u = coordinate(parameters, direction);
          const derivative = 2 * a * u + b * Math.sin(2 * u);
          for (let i = 0; i < dimension; i++) gradient[i]! += derivative * direction[i]!;
        }
        return Float32Array.from(gradient);
      },
    };
  });
  return {
    samples,
    solution,
    minimum: 0,
    tolerance: 0,
    lipschitz: null,
    smoothness,
    secant,
    // In expectation: a direction is in this share of the samples.
    convexity: (secant * ofSample) / dimension,
  };
}

/** The mean loss f of all samples. */
export function meanLoss({ samples }: Problem, parameters: Float32Array): number {
  return samples.reduce((sum, sample) => sum + sample.loss(parameters), 0) / samples.length;
}
