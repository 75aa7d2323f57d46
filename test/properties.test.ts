/**
 * Properties that are proved for ALI-G on convex losses that can all be 0 at once (interpolation),
 * without momentum. Each test states the bound, measures it over seeded random problems and asserts
 * that measured / bound is at most 1. Losses and gradients are computed in double at the float32
 * parameters, so that interpolation is exact up to rounding.
 */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import { AliG, fusedAliGStep, l2Ball } from '../lib/index.js';
import { SeededRandom } from './support/seeded-random.js';

/** One random loss of a problem: its value at w, and a subgradient there. */
interface Sample {
  loss(parameters: Float32Array): number;
  gradient(parameters: Float32Array): Float32Array;
}

interface Problem {
  readonly samples: readonly Sample[];
  /** Where every sample's loss is 0. */
  readonly solution: Float32Array;
  /** Lipschitz constant of all samples. */
  readonly lipschitz: number;
  /** Smoothness of all samples (Lipschitz constant of their gradients). */
  readonly smoothness: number;
  /** Rows of the inputs, for the strong convexity of the mean loss. */
  readonly inputs: readonly Float32Array[];
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function norm(a: ArrayLike<number>): number {
  return Math.sqrt(dot(a, a));
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

type ProblemKind = 'absolute' | 'hinge' | 'squares';

/**
 * Regression |a.w - b| or (a.w - b)^2 / 2 with b = a.w*, or hinge max(0, 1 - y a.w) with every
 * margin at w* at least 1.
 */
function makeProblem(kind: ProblemKind, random: SeededRandom, dimension: number, count: number) {
  const solution = random.normals(dimension);
  const inputs: Float32Array[] = [];
  while (inputs.length < count) {
    const input = random.normals(dimension);
    if (kind !== 'hinge' || Math.abs(dot(input, solution)) >= 1) inputs.push(input);
  }
  const norms = inputs.map((input) => norm(input));
  const samples = inputs.map((input): Sample => {
    const target = dot(input, solution);
    const label = Math.sign(target);
    /** The derivative of the loss by a.w, times a. */
    const gradientOf = (derivative: number) => input.map((value) => derivative * value);
    switch (kind) {
      case 'absolute':
        return {
          loss: (parameters) => Math.abs(dot(input, parameters) - target),
          gradient: (parameters) => gradientOf(Math.sign(dot(input, parameters) - target)),
        };
      case 'hinge':
        return {
          loss: (parameters) => Math.max(0, 1 - label * dot(input, parameters)),
          gradient: (parameters) => gradientOf(label * dot(input, parameters) < 1 ? -label : 0),
        };
      case 'squares':
        return {
          loss: (parameters) => (dot(input, parameters) - target) ** 2 / 2,
          gradient: (parameters) => gradientOf(dot(input, parameters) - target),
        };
    }
  });
  const largest = Math.max(...norms);
  const problem: Problem = {
    samples,
    solution,
    lipschitz: largest,
    smoothness: largest ** 2,
    inputs,
  };
  return problem;
}

function meanLoss(problem: Problem, parameters: Float32Array): number {
  return (
    problem.samples.reduce((sum, sample) => sum + sample.loss(parameters), 0) /
    problem.samples.length
  );
}

interface Run {
  /** The mean loss at the mean of all iterates, the last one included. */
  readonly lossAtMean: number;
  /** The squared distance to the solution, of each iterate. */
  readonly squaredDistances: number[];
  /** The loss of each step's own sample. */
  readonly sampleLosses: number[];
}

/** `steps` steps of ALI-G, each on one random sample. */
function runSteps(
  problem: Problem,
  random: SeededRandom,
  steps: number,
  settings: { maxLearningRate: number | null; epsilon: number },
): Run {
  const dimension = problem.solution.length;
  const parameters = random.normals(dimension);
  const mean = new Float64Array(dimension);
  const squaredDistances: number[] = [];
  const sampleLosses: number[] = [];
  const record = () => {
    parameters.forEach((value, i) => (mean[i]! += value / (steps + 1)));
    squaredDistances.push(distance(parameters, problem.solution) ** 2);
  };
  record();
  for (let step = 0; step < steps; step++) {
    const sample = problem.samples[random.below(problem.samples.length)]!;
    const loss = sample.loss(parameters);
    fusedAliGStep({
      parameters: [parameters],
      gradients: [sample.gradient(parameters)],
      loss,
      ...settings,
    });
    sampleLosses.push(loss);
    record();
  }
  return { lossAtMean: meanLoss(problem, Float32Array.from(mean)), squaredDistances, sampleLosses };
}

/** Asserts that the worst of the ratios is at most 1 and that there is one which is no accident. */
function assertRatios(t: ExecutionContext, name: string, ratios: readonly number[]): void {
  t.true(ratios.length > 0);
  const worst = Math.max(...ratios); // NaN if one of them is
  t.log(`${name}: worst measured / bound ${worst.toPrecision(3)} of ${ratios.length}`);
  t.true(worst <= 1, `${name}: ratios ${ratios.join(', ')}`);
  t.true(worst > 0, `${name}: nothing was measured`);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const runCount = 20;
const stepCounts = [10, 100, 400];

/** Runs from several starts on one problem, for the mean over random samples. */
function runsOf(
  problem: Problem,
  random: SeededRandom,
  steps: number,
  settings: { maxLearningRate: number | null; epsilon: number },
): Run[] {
  return Array.from({ length: runCount }, () => runSteps(problem, random, steps, settings));
}

for (const kind of ['absolute', 'hinge'] as const) {
  for (const epsilon of [0, 1e-5, 1]) {
    // E f(mean of iterates) <= |w0 - w*| sqrt((C^2 + epsilon) / (T + 1)), no maximal learning rate.
    test(`Lipschitz losses fall as 1 / sqrt(T): ${kind}, epsilon ${epsilon}`, (t) => {
      const random = new SeededRandom(41);
      const problem = makeProblem(kind, random, 8, 40);
      const expected: number[] = [];
      const ofEachRun: number[] = [];
      for (const steps of stepCounts) {
        const runs = runsOf(problem, random, steps, { maxLearningRate: null, epsilon });
        const rate = Math.sqrt((problem.lipschitz ** 2 + epsilon) / (steps + 1));
        const start = average(runs.map(({ squaredDistances }) => squaredDistances[0]!));
        expected.push(
          average(runs.map(({ lossAtMean }) => lossAtMean)) / (Math.sqrt(start) * rate),
        );
        // What the proof adds up holds for every run, whatever samples it drew.
        for (const { sampleLosses, squaredDistances } of runs) {
          const bound =
            Math.sqrt(squaredDistances[0]!) * Math.sqrt((problem.lipschitz ** 2 + epsilon) / steps);
          ofEachRun.push(average(sampleLosses) / bound);
        }
      }
      assertRatios(t, 'loss at the mean iterate', expected);
      assertRatios(t, 'mean loss of the samples, each run', ofEachRun);
    });
  }
}

/** Maximal learning rates around 1 / (2 beta), where the bounds change, and none. */
function ratesFor({ smoothness }: Problem): (number | null)[] {
  return [0.1 / smoothness, 1 / (2 * smoothness), 10 / smoothness, null];
}

/** k = min(maxLearningRate, 1 / (2 beta)) of the bounds. */
function smallestStep({ smoothness }: Problem, maxLearningRate: number | null): number {
  return Math.min(maxLearningRate ?? Infinity, 1 / (2 * smoothness));
}

test('smooth losses fall as 1 / T at any maximal learning rate', (t) => {
  // E f(mean of iterates) <= |w0 - w*|^2 / (k (T + 1))
  const random = new SeededRandom(42);
  const problem = makeProblem('squares', random, 8, 40);
  const expected: number[] = [];
  for (const maxLearningRate of ratesFor(problem)) {
    for (const steps of stepCounts) {
      const runs = runsOf(problem, random, steps, { maxLearningRate, epsilon: 0 });
      const start = average(runs.map(({ squaredDistances }) => squaredDistances[0]!));
      const bound = start / (smallestStep(problem, maxLearningRate) * (steps + 1));
      expected.push(average(runs.map(({ lossAtMean }) => lossAtMean)) / bound);
    }
  }
  assertRatios(t, 'loss at the mean iterate', expected);
});

/** The smallest eigenvalue of the mean of a a^T: inverse power iteration on its Cholesky factor. */
function strongConvexity(inputs: readonly Float32Array[]): number {
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

test('smooth and strongly convex losses converge geometrically', (t) => {
  // E |w_T - w*|^2 <= (1 - k alpha / 2)^T |w0 - w*|^2, alpha the strong convexity of the mean loss
  const random = new SeededRandom(43);
  const problem = makeProblem('squares', random, 4, 60);
  const alpha = strongConvexity(problem.inputs);
  t.true(alpha > 0.2 && alpha < problem.smoothness, `alpha ${alpha}`);
  const ratios: number[] = [];
  for (const maxLearningRate of ratesFor(problem)) {
    const runs = runsOf(problem, random, 400, { maxLearningRate, epsilon: 0 });
    const factor = 1 - (smallestStep(problem, maxLearningRate) * alpha) / 2;
    for (const step of [10, 100, 400]) {
      const start = average(runs.map(({ squaredDistances }) => squaredDistances[0]!));
      const measured = average(runs.map(({ squaredDistances }) => squaredDistances[step]!));
      ratios.push(measured / (factor ** step * start));
    }
  }
  assertRatios(t, 'squared distance', ratios);
});

/** What rounding to float32 in one step may add to the distance. */
function roundingOf(parameters: ArrayLike<number>): number {
  return 2 ** -22 * norm(parameters);
}

for (const kind of ['absolute', 'hinge', 'squares'] as const) {
  for (const constrained of [false, true]) {
    test(`no step leads away from the solution: ${kind}${constrained ? ', on the ball' : ''}`, (t) => {
      const random = new SeededRandom(44);
      const ratios: number[] = [];
      let projections = 0;
      for (let repetition = 0; repetition < 10; repetition++) {
        const problem = makeProblem(kind, random, 6, 30);
        const parameters = random.normals(6).map((value) => 3 * value);
        const maxNorm = constrained ? 1.01 * norm(problem.solution) : null;
        const maxLearningRate = [null, 0.01, 1, 100][repetition % 4]!;
        for (let step = 0; step < 200; step++) {
          const before = distance(parameters, problem.solution);
          const rounding = roundingOf(parameters);
          const sample = problem.samples[random.below(30)]!;
          const { projected } = fusedAliGStep({
            parameters: [parameters],
            gradients: [sample.gradient(parameters)],
            loss: sample.loss(parameters),
            maxLearningRate,
            epsilon: 0,
            maxNorm,
          });
          if (projected) projections++;
          ratios.push(distance(parameters, problem.solution) / (before + rounding));
        }
      }
      t.is(projections > 0, constrained);
      assertRatios(t, 'distance', ratios);
    });
  }
}

test('no step of AliG on tf.Variables leads away from the solution', (t) => {
  const random = new SeededRandom(45);
  const [count, dimension] = [20, 5];
  const inputs = tf.tensor2d(random.normals(count * dimension), [count, dimension]);
  const solution = random.normals(dimension);
  const targets = tf.matMul(inputs, tf.tensor2d(solution, [dimension, 1]));
  const parts = [
    tf.variable(tf.tensor2d(random.normals(2), [2, 1])),
    tf.variable(tf.tensor2d(random.normals(3), [3, 1])),
  ];
  const optimizer = new AliG({
    maxLearningRate: 1,
    momentum: 0,
    epsilon: 0,
    constraint: l2Ball(1.01 * norm(solution)),
  });
  const current = () => Float32Array.from(parts.flatMap((part) => [...part.dataSync()]));
  const ratios: number[] = [];
  const engines = new Set<string | undefined>();
  // The first step may project before it steps, which brings closer as well.
  let before = distance(current(), solution);
  const start = before;
  for (let step = 0; step < 60; step++) {
    const rounding = roundingOf(current());
    const rows = tf.tensor1d(
      Array.from({ length: 4 }, () => random.below(count)),
      'int32',
    );
    optimizer.minimize(
      () =>
        tf
          .gather(inputs, rows)
          .matMul(tf.concat(parts))
          .sub(tf.gather(targets, rows))
          .abs()
          .mean()
          .asScalar(),
      false,
      parts,
    );
    engines.add(optimizer.lastStep?.engine);
    const after = distance(current(), solution);
    // tfjs computes loss and gradient in float32, so that interpolation is exact to its rounding.
    ratios.push(after / (before + 8 * rounding));
    before = after;
  }
  assertRatios(t, 'distance', ratios);
  t.true(before < 0.1 * start, `from ${start} to ${before}`);
  t.deepEqual([...engines], ['tensorflow-cpu']);
});

/** A quadratic model of a step, whose minimum the step is said to be. */
type Objective = (point: readonly number[]) => number;

/** Minimises a convex function of several numbers by nested golden-section searches. */
function minimizeNested(objective: Objective, centre: readonly number[], radius: number): number[] {
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

/** |w - w_t|^2 / (2 maxLearningRate) + max(loss + <g, w - w_t>, 0) */
function truncatedModel(
  parameters: ArrayLike<number>,
  gradient: ArrayLike<number>,
  loss: number,
  maxLearningRate: number,
): Objective {
  return (point) => {
    const move = point.map((value, i) => value - parameters[i]!);
    return dot(move, move) / (2 * maxLearningRate) + Math.max(loss + dot(gradient, move), 0);
  };
}

test('a step is the minimum of the proximal truncated linear model', (t) => {
  const random = new SeededRandom(46);
  const ratios: number[] = [];
  let clippedSteps = 0;
  const cases = 60;
  for (let repetition = 0; repetition < cases; repetition++) {
    const parameters = random.normals(2);
    const gradient = random.normals(2);
    const loss = Math.fround(Math.abs(random.normal()));
    const maxLearningRate = Math.fround(2 * random.uniform() + 0.01);
    const model = truncatedModel(parameters, gradient, loss, maxLearningRate);
    // The minimum lies within maxLearningRate * |g| of the start.
    const radius = maxLearningRate * norm(gradient) + 1e-3;
    const minimum = minimizeNested(model, [...parameters], radius);
    const stepped = parameters.slice();
    const { clipped } = fusedAliGStep({
      parameters: [stepped],
      gradients: [gradient],
      loss,
      maxLearningRate,
      epsilon: 0,
    });
    if (clipped) clippedSteps++;
    // A search by values finds a minimum to the root of their precision, and the outer search sees
    // values that are as wrong as the inner one left them.
    ratios.push(distance(stepped, minimum) / (2e-5 * (1 + norm(parameters) + radius)));
  }
  t.true(clippedSteps > cases / 5 && clippedSteps < (4 * cases) / 5, 'both forms of the step');
  assertRatios(t, 'distance to the numeric minimum, by its precision', ratios);
});

test('no point near a step has a smaller proximal truncated linear model', (t) => {
  const random = new SeededRandom(47);
  const dimension = 30;
  const ratios: number[] = [];
  for (let repetition = 0; repetition < 40; repetition++) {
    const parameters = random.normals(dimension);
    const gradient = random.normals(dimension);
    const loss = Math.fround(Math.abs(random.normal()));
    const maxLearningRate = Math.fround(0.2 * random.uniform() + 0.001);
    const model = truncatedModel(parameters, gradient, loss, maxLearningRate);
    const stepped = parameters.slice();
    fusedAliGStep({
      parameters: [stepped],
      gradients: [gradient],
      loss,
      maxLearningRate,
      epsilon: 0,
    });
    const atStep = model([...stepped]);
    // Rounding moves the step by up to 2^-24 of each parameter: along g that is what it can cost.
    const rounding = 2 ** -22 * (1 + norm(gradient) * norm(parameters));
    const others = Array.from({ length: 100 }, (_, trial) => {
      const size = 10 ** -(1 + (trial % 4));
      const direction = trial % 2 === 0 ? gradient : random.normals(dimension);
      const sign = trial % 4 < 2 ? size : -size;
      return model(Array.from(stepped, (value, i) => value + sign * direction[i]!));
    });
    ratios.push(atStep / (Math.min(...others) + rounding));
  }
  assertRatios(t, 'model at the step, by the best of its neighbours', ratios);
});
