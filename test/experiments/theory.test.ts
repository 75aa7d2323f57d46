/**
 * Properties that are proved for ALI-G: the experiment's table of problems and bounds, shorter, in
 * this process, and the quick form of the command.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import experiment from '../../experiments/theory/experiment.js';
import {
  interpolationProblem,
  meanLoss,
  secantProblem,
  strongConvexity,
  toleranceProblem,
  type Problem,
} from '../../experiments/theory/problems.js';
import { properties, roundingOf } from '../../experiments/theory/properties.js';
import { distance, dot, norm } from '../../experiments/theory/vectors.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import type { FinishedRun, RunSpecification } from '../../experiments/runner/experiment.js';
import { AliG, l2Ball } from '../../lib/index.js';
import { startExperiment } from './fixtures/run.js';

interface TheoryRecord {
  readonly ratio: number;
  readonly clipped: number;
  readonly projected: number;
}

/** The records of a run, made in this process. */
async function recordsOf(specification: RunSpecification): Promise<TheoryRecord[]> {
  const run = await experiment.start(specification, { dataFolder: null });
  const records: TheoryRecord[] = [];
  for (let step = 1; step <= specification.steps; step++) {
    const { record, engine } = await run.step();
    if (engine !== 'native-cpu') throw new Error(`The engine is ${String(engine)}.`);
    if (record !== null) records.push(record as object as TheoryRecord);
  }
  return records;
}

for (const { name, statement, settings } of properties) {
  test(`${name}: ${statement}`, async (t) => {
    let [worst, count, clipped, projected] = [0, 0, 0, 0];
    for (const setting of settings) {
      const records = await recordsOf({
        method: name,
        hyperParameters: { ...setting },
        seed: 41,
        steps: name === 'P6-search' ? 20 : 200,
      });
      for (const record of records) {
        t.true(record.ratio <= 1, `${JSON.stringify(setting)}: ${record.ratio}`);
        worst = Math.max(worst, record.ratio);
        count += 1;
        clipped += record.clipped;
        projected += record.projected;
      }
    }
    t.log(`worst measured / bound ${worst.toPrecision(3)} of ${count}`);
    // No bound is kept because nothing was measured, or because it is never near.
    t.true(worst > 0.05, `worst ratio ${worst}`);
    t.is(
      clipped > 0,
      settings.some(({ rate, relativeRate }) => (rate ?? relativeRate ?? null) !== null),
    );
    t.is(
      projected > 0,
      settings.some(({ ball }) => ball === true),
    );
  });
}

/** Numeric derivatives of a problem's samples against their gradients, and the constants. */
function checkProblem(problem: Problem, random: SeededRandom): string[] {
  const { solution, samples, lipschitz, smoothness, secant, tolerance, minimum } = problem;
  const wrong: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) wrong.push(what);
  };
  for (const sample of samples) {
    expect(Math.abs(sample.loss(solution)) <= tolerance + 1e-6, 'loss at the solution');
    const w = random.normals(solution.length);
    const other = random.normals(solution.length);
    const gradient = sample.gradient(w);
    const move = other.map((value, i) => value - w[i]!);
    if (lipschitz !== null) expect(norm(gradient) <= lipschitz * (1 + 1e-6), 'Lipschitz');
    if (smoothness !== null) {
      const bend = distance(sample.gradient(other), gradient);
      expect(bend <= smoothness * norm(move) * (1 + 1e-5), 'smoothness');
    }
    if (secant === undefined) {
      const tangent = sample.loss(w) + dot(gradient, move);
      expect(sample.loss(other) >= tangent - 1e-5 * (1 + Math.abs(tangent)), 'convexity');
    } else {
      // A sample's gradient tells the share of w - w* that it depends on, up to the smoothness.
      const fromSolution = w.map((value, i) => value - solution[i]!);
      const least = secant * (norm(gradient) / smoothness!) ** 2;
      expect(dot(gradient, fromSolution) >= least * (1 - 1e-5), 'secant inequality');
    }
    const width = 1e-3;
    const ahead = w.map((value, i) => value + width * move[i]!);
    const slope = (sample.loss(ahead) - sample.loss(w)) / width;
    if (smoothness !== null) {
      const curvature = (smoothness * dot(move, move) * width) / 2;
      expect(Math.abs(slope - dot(gradient, move)) <= curvature + 0.01, 'gradient');
    }
    expect(sample.loss(w) >= 0, 'negative loss');
    expect(meanLoss(problem, w) >= minimum - 1e-6, 'minimum');
  }
  return wrong;
}

test('the problems satisfy what the theorems assume', (t) => {
  for (const seed of [1, 2, 3]) {
    const random = new SeededRandom(seed);
    const problems = [
      ...(['absolute', 'hinge', 'squares', 'squaredHinge'] as const).map((kind) =>
        interpolationProblem(kind, random, 8, 40),
      ),
      toleranceProblem('disagreeing', random, 8, 40, 0.1),
      toleranceProblem('shifted', random, 8, 40, 0.1),
      secantProblem(random, 6, 30, 1),
      secantProblem(random, 6, 30, 0.5),
    ];
    for (const [index, problem] of problems.entries()) {
      t.deepEqual(checkProblem(problem, random), [], `problem ${index} of seed ${seed}`);
    }
  }
});

test('the secant problems are not convex', (t) => {
  const random = new SeededRandom(5);
  const { samples } = secantProblem(random, 6, 30, 1);
  // The gradient of a convex function never turns back along a line.
  let turns = 0;
  for (let trial = 0; trial < 3000; trial++) {
    const sample = samples[trial % samples.length]!;
    const w = random.normals(6).map((value) => 3 * value);
    const move = random.normals(6).map((value) => 0.05 * value);
    const other = w.map((value, i) => value + move[i]!);
    const change = dot(sample.gradient(other), move) - dot(sample.gradient(w), move);
    if (change < -1e-3 * dot(move, move)) turns++;
  }
  t.log(`${turns} of 3000 pairs`);
  t.true(turns > 100);
});

test('strong convexity is the smallest eigenvalue', (t) => {
  // Of diag(4, 1) / 2.
  const inputs = [Float32Array.of(2, 0), Float32Array.of(0, 1)];
  t.true(Math.abs(strongConvexity(inputs) - 0.5) < 1e-12);
});

test('a run goes on from its state as if it had not been left', async (t) => {
  for (const specification of experiment.grid(true, null).filter((_, index) => index % 7 === 0)) {
    const whole = await experiment.start(specification, { dataFolder: null });
    const first = await experiment.start(specification, { dataFolder: null });
    const second = await experiment.start(specification, { dataFolder: null });
    const expected = Array.from({ length: 20 }, () => whole.step());
    const records = Array.from({ length: 8 }, () => first.step());
    await second.restore(await first.save());
    records.push(...Array.from({ length: 12 }, () => second.step()));
    t.deepEqual(records, expected);
  }
});

test('a broken bound is reported', (t) => {
  const runs = experiment.grid(true, null).map((configuration): FinishedRun => {
    const broken = configuration.method === 'P2' && configuration.seed === 1;
    const ratio = broken ? 1.01 : 0.5;
    return {
      id: '',
      header: { configuration } as FinishedRun['header'],
      commits: [],
      steps: [{ type: 'step', step: 1, seconds: 0, ratio }],
      end: { type: 'end', steps: 1, reason: 'finished', seconds: 0 },
    };
  });
  const { summary, tables } = experiment.report(runs, true, null);
  t.true((summary as { brokenIn: string[] }).brokenIn.every((id) => id.startsWith('P2,')));
  t.is((summary as { brokenIn: string[] }).brokenIn.length, 8);
  t.is(tables[0]!.markdown.match(/\| NO/g)?.length, 1);
});

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
  t.true(
    ratios.every((ratio) => ratio <= 1),
    `ratios ${ratios.join(', ')}`,
  );
  t.true(before < 0.1 * start, `from ${start} to ${before}`);
  t.deepEqual([...engines], ['tensorflow-cpu']);
});

test('experiment theory --quick', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-theory-'));
  const { exitCode, errors } = await startExperiment(
    ['theory', '--quick', '--jobs', '2', '--output', 'theory'],
    { cwd: folder },
  ).result;
  t.is(exitCode, 0, errors);
  const { summary } = JSON.parse(readFileSync(join(folder, 'theory', 'results.json'), 'utf8')) as {
    summary: { properties: { property: string; holds: boolean }[]; brokenIn: string[] };
  };
  t.deepEqual(summary.brokenIn, []);
  t.true(summary.properties.every(({ holds }) => holds));
  for (const property of ['P1', 'P1eps', 'P2', 'P3', 'P4', 'P5', 'P6-search', 'P7']) {
    t.true(summary.properties.some((row) => row.property === property));
    t.notRegex(readFileSync(join(folder, 'theory', `${property}.svg`), 'utf8'), /NaN|undefined/);
  }
  rmSync(folder, { recursive: true });
});
