/**
 * The paper's theorems and propositions, measured: ALI-G without momentum on random problems that
 * satisfy their assumptions. A run is one problem (by its seed) with one setting; its steps are taken
 * by several trajectories from one start, each with samples of its own, whose mean stands for the
 * expectation.
 */
import { fusedAliGStep, type EngineName } from 'tfjs-alig';

import {
  runId,
  type Experiment,
  type FinishedRun,
  type Run,
  type RunSpecification,
  type StepOutcome,
} from '../runner/experiment.js';
import { SeededRandom } from '../seeded-random.js';
import { markdownTable } from '../runner/table.js';
import { drawRatios, type RatioPoint } from './chart.js';
import type { Problem } from './problems.js';
import { properties, type Property, type Setting } from './properties.js';
import { distance, norm } from './vectors.js';

const trajectoryCount = 20;
/** The search of P6 takes a thousand evaluations a step. */
const searchedTrajectoryCount = 2;

/** Whether numbers are logged after this step: 1, 2, 5, 10, 20, ... */
function isLogged(step: number): boolean {
  const leading = step / 10 ** Math.floor(Math.log10(step));
  return leading === 1 || leading === 2 || leading === 5;
}

function propertyOf({ method }: RunSpecification): Property {
  const property = properties.find(({ name }) => name === method);
  if (property === undefined) {
    throw new Error(`There is no property ${method}.`);
  }
  return property;
}

/** The maximal learning rate of a setting on a problem. */
function rateOf({ rate, relativeRate }: Setting, { smoothness, secant }: Problem): number | null {
  if (relativeRate === undefined || relativeRate === null) {
    return rate ?? null;
  }
  if (smoothness === null) {
    throw new Error('The rate is relative to a smoothness that the problem has not.');
  }
  return secant === undefined
    ? relativeRate / smoothness
    : (relativeRate * secant) / smoothness ** 2;
}

/** The trajectories of one run. */
class TheoryRun implements Run {
  readonly #property: Property;
  readonly #problem: Problem;
  readonly #maxLearningRate: number | null;
  readonly #epsilon: number;
  readonly #maxNorm: number | null;
  readonly #startDistance: number;
  readonly #iterates: Float32Array[];
  /** Sums of all iterates. */
  readonly #sums: Float64Array[];
  /** Sums of the losses that the steps saw. */
  readonly #losses: Float64Array;
  #random: SeededRandom;
  #steps = 0;
  /** Steps since the last line of the log that the rate clipped, or that ended outside the ball. */
  #clipped = 0;
  #projected = 0;
  /** Of the single steps since the last line of the log. */
  #worst = { ratio: -1, measured: 0, bound: 0 };

  constructor(specification: RunSpecification) {
    const property = propertyOf(specification);
    const setting = specification.hyperParameters as unknown as Setting;
    this.#random = new SeededRandom(specification.seed);
    this.#property = property;
    this.#problem = property.makeProblem(setting, this.#random);
    const { solution } = this.#problem;
    this.#maxLearningRate = rateOf(setting, this.#problem);
    this.#epsilon = setting.epsilon ?? 0;
    this.#maxNorm = setting.ball === true ? 1.01 * norm(solution) : null;
    const start = this.#random.normals(solution.length).map((value) => 3 * value);
    this.#startDistance = distance(start, solution);
    const count = property.name === 'P6-search' ? searchedTrajectoryCount : trajectoryCount;
    this.#iterates = Array.from({ length: count }, () => start.slice());
    this.#sums = Array.from({ length: count }, () => Float64Array.from(start));
    this.#losses = new Float64Array(count);
  }

  step(): StepOutcome {
    let engine: EngineName | null = null;
    this.#steps += 1;
    for (let index = 0; index < this.#iterates.length; index++) {
      engine = this.#stepOf(index);
    }
    if (!isLogged(this.#steps)) {
      return { engine, record: null };
    }
    const { ratio, measured, bound } = this.#measure();
    const record = { ratio, measured, bound, clipped: this.#clipped, projected: this.#projected };
    this.#worst = { ratio: -1, measured: 0, bound: 0 };
    this.#clipped = 0;
    this.#projected = 0;
    return { engine, record };
  }

  /** One step of one trajectory. */
  #stepOf(index: number): EngineName {
    const { samples } = this.#problem;
    const parameters = this.#iterates[index]!;
    const sample = samples[this.#random.below(samples.length)]!;
    const loss = sample.loss(parameters);
    const gradient = sample.gradient(parameters);
    const before = parameters.slice();
    const { engine, clipped, projected } = fusedAliGStep({
      parameters: [parameters],
      gradients: [gradient],
      loss,
      maxLearningRate: this.#maxLearningRate,
      epsilon: this.#epsilon,
      maxNorm: this.#maxNorm,
    });
    this.#clipped += Number(clipped);
    this.#projected += Number(projected);
    this.#losses[index]! += loss;
    const sum = this.#sums[index]!;
    for (let i = 0; i < sum.length; i++) sum[i]! += parameters[i]!;
    if (this.#property.of === 'step') {
      const { measured, bound } = this.#property.measure(
        {
          before,
          after: parameters,
          gradient,
          loss,
          maxLearningRate: this.#maxLearningRate,
          random: this.#random,
        },
        this.#problem,
      );
      const ratio = measured / bound;
      // A NaN breaks the bound and has to stay.
      if (Number.isNaN(ratio) || ratio > this.#worst.ratio) {
        this.#worst = { ratio, measured, bound };
      }
    }
    return engine;
  }

  #measure(): { ratio: number; measured: number; bound: number } {
    if (this.#property.of === 'step') {
      return this.#worst;
    }
    const steps = this.#steps;
    const { measured, bound } = this.#property.measure({
      steps,
      problem: this.#problem,
      maxLearningRate: this.#maxLearningRate,
      epsilon: this.#epsilon,
      startDistance: this.#startDistance,
      iterates: this.#iterates,
      means: this.#sums.map((sum) => Float32Array.from(sum, (value) => value / (steps + 1))),
      sampleLosses: Array.from(this.#losses, (loss) => loss / steps),
    });
    return { ratio: measured / bound, measured, bound };
  }

  save() {
    return {
      steps: this.#steps,
      random: this.#random.state,
      iterates: this.#iterates.map((iterate) => iterate.slice()),
      sums: this.#sums.map((sum) => sum.slice()),
      losses: this.#losses.slice(),
      worst: this.#worst,
      clipped: this.#clipped,
      projected: this.#projected,
    };
  }

  restore(state: object): void {
    const saved = state as ReturnType<TheoryRun['save']>;
    this.#steps = saved.steps;
    this.#random = new SeededRandom(saved.random);
    this.#worst = saved.worst;
    this.#clipped = saved.clipped;
    this.#projected = saved.projected;
    this.#losses.set(saved.losses);
    saved.iterates.forEach((iterate, index) => {
      this.#iterates[index]!.set(iterate);
    });
    saved.sums.forEach((sum, index) => {
      this.#sums[index]!.set(sum);
    });
  }
}

/** The problem of a setting in words. */
function describeProblem(parameters: RunSpecification['hyperParameters']): string {
  const { problem } = parameters as unknown as Setting;
  return problem.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shown(value: number): string {
  return value < 1e-3 ? value.toExponential() : String(value);
}

/** What a setting has besides its problem, in words: 'η = 1, δ = 1'. */
function describeSetting(parameters: RunSpecification['hyperParameters']): string {
  const { problem, relativeRate, rate, epsilon, tolerance, ball } =
    parameters as unknown as Setting;
  const unit = problem.includes('Directions') ? 'μ/β²' : '/ β';
  const shownRate =
    typeof relativeRate === 'number' ? `η = ${relativeRate} ${unit}` : `η = ${String(rate)}`;
  return [
    (relativeRate ?? rate ?? null) === null ? 'no η' : shownRate,
    ...(epsilon === undefined || epsilon === 0 ? [] : [`δ = ${shown(epsilon)}`]),
    ...(tolerance === undefined ? [] : [`ε = ${tolerance}`]),
    ...(ball === true ? ['on a ball'] : []),
  ].join(', ');
}

/** The worst ratio over the runs of each setting (their seeds), at each logged T. */
function worstRatios(runs: readonly FinishedRun[]): RatioPoint[] {
  const worst = new Map<string, RatioPoint>();
  for (const { header, steps } of runs) {
    const { hyperParameters } = header.configuration;
    const problem = describeProblem(hyperParameters);
    const setting = describeSetting(hyperParameters);
    for (const { step, ratio } of steps) {
      const key = `${problem} ${setting} ${step}`;
      const largest = Math.max(worst.get(key)?.ratio ?? -Infinity, Number(ratio));
      worst.set(key, { problem, setting, step, ratio: largest });
    }
  }
  return [...worst.values()];
}

const experiment: Experiment = {
  name: 'theory',
  grid(quick) {
    const seeds = quick ? [1] : [1, 2, 3];
    return properties.flatMap(({ name, settings }) =>
      settings.flatMap((setting) =>
        seeds.map((seed) => ({
          method: name,
          hyperParameters: { ...setting },
          seed,
          steps: quick ? 50 : 1000,
        })),
      ),
    );
  },
  start: (specification) => new TheoryRun(specification),
  report(runs) {
    const byProperty = properties.map(({ name, of, statement }) => {
      const ofProperty = runs.filter(({ header }) => header.configuration.method === name);
      return { name, of, statement, runs: ofProperty, points: worstRatios(ofProperty) };
    });
    const summary = byProperty.map(({ name, statement, points, runs: ofProperty }) => {
      const worst = Math.max(...points.map(({ ratio }) => ratio)); // NaN if one of them is.
      const worstPoint = points.find(({ ratio }) => Object.is(ratio, worst));
      return {
        property: name,
        statement,
        problems: ofProperty.length,
        // Not `<`: a bound is broken by a NaN, too.
        holds: ofProperty.every(({ steps }) => steps.every(({ ratio }) => Number(ratio) <= 1)),
        worst,
        worstProblem: worstPoint?.problem,
        worstSetting: worstPoint?.setting,
        worstStep: worstPoint?.step,
      };
    });
    return {
      summary: { properties: summary, brokenIn: brokenRuns(runs) },
      figures: byProperty.map(({ name, of, statement, points }) => ({
        name,
        specification: drawRatios({ name, statement, ofEachStep: of === 'step', points }),
      })),
      tables: [
        {
          name: 'table',
          markdown: markdownTable(
            ['Property', 'Statement', 'Problems', 'Worst measured / bound', 'at', 'Holds'],
            summary.map((row) => [
              row.property,
              row.statement.replaceAll('|', '\\|'),
              String(row.problems),
              row.worst.toPrecision(3),
              `${row.worstProblem ?? ''}, ${row.worstSetting ?? ''}, T = ${row.worstStep ?? ''}`,
              row.holds ? 'yes' : 'NO',
            ]),
          ),
        },
      ],
    };
  },
};

/** The runs in which a bound is broken. */
function brokenRuns(runs: readonly FinishedRun[]): string[] {
  return runs
    .filter(({ steps }) => !steps.every(({ ratio }) => Number(ratio) <= 1))
    .map(({ header }) => runId(header.configuration));
}

export default experiment;
