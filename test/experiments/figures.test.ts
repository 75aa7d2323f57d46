/** The claims of the paper's Figures 1 and 2, and the quick forms of the commands that draw them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { derivative, objective, tangentMeets } from '../../experiments/figure-1/objective.js';
import { converges } from '../../experiments/figure-2/experiment.js';
import * as nonConvex from '../../experiments/figure-2/objective.js';
import { fusedAliGStep } from '../../lib/index.js';
import { readLogs, startExperiment } from './fixtures/run.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-figures-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The Polyak step by the package: no maximal learning rate, epsilon 0, lower bound f*. */
function polyakStep(w: number, loss: number, slope: number, lowerBound = 0) {
  const parameters = [Float32Array.of(w)];
  const gradients = [Float32Array.of(slope)];
  const report = fusedAliGStep({ parameters, gradients, loss, epsilon: 0, lowerBound });
  return { ...report, next: parameters[0]![0]! };
}

test('the Polyak step lands where the tangent meets z = f*, from anywhere', (t) => {
  for (const minimum of [0, 0.5, 3]) {
    for (let start = -4; start <= 4; start += 0.25) {
      if (start === 0) continue;
      const w = Math.fround(start);
      const loss = objective(w, minimum);
      const { next, engine } = polyakStep(w, loss, derivative(w), minimum);
      const landing = tangentMeets(w, minimum, minimum);
      const rounding =
        2 ** -23 * (Math.abs(w) + Math.abs(landing - w) + loss / Math.abs(derivative(w)));
      t.true(
        Math.abs(next - landing) <= rounding,
        `f* = ${minimum}, w = ${w}: ${next}, ${landing}`,
      );
      t.is(engine, 'native-cpu');
      // The height of the tangent there, the claim itself.
      t.true(Math.abs(loss + derivative(w) * (next - w) - minimum) <= 2 ** -22 * (1 + loss));
    }
  }
});

test('with f* = 0 it is Newton-Raphson, which finds the square root of 2; else it is not', (t) => {
  // A root that is crossed: f = w^2 - 2, whose steps are Heron's.
  let w = 2;
  const expected = [1.5, 17 / 12, 577 / 408];
  for (const heron of expected) {
    w = polyakStep(w, w * w - 2, 2 * w).next;
    t.true(Math.abs(w - heron) < 1e-6, `${w}, ${heron}`);
  }
  const newton = 2 - objective(2, 1) / derivative(2);
  t.true(Math.abs(polyakStep(2, objective(2, 1), derivative(2), 1).next - newton) > 0.1);
});

test('the derivative of the non-convex function is its own, and it is not convex', (t) => {
  const width = 1e-5;
  let negative = 0;
  for (let w = -3; w <= 3; w += 0.1) {
    const slope = (nonConvex.objective(w + width) - nonConvex.objective(w - width)) / (2 * width);
    t.true(Math.abs(slope - nonConvex.derivative(w)) < 1e-8, `w = ${w}`);
    if (nonConvex.derivative(w + width) < nonConvex.derivative(w)) negative++;
  }
  t.true(negative > 10, `${negative} points with negative curvature`);
  t.is(nonConvex.objective(0), 0);
});

test('the Polyak step oscillates between +-1.98310 with step 9.7046', (t) => {
  let w = nonConvex.start;
  for (let step = 1; step <= 200; step++) {
    const { next, stepSize } = polyakStep(w, nonConvex.objective(w), nonConvex.derivative(w));
    t.true(next * w < 0, `step ${step} does not change sides`);
    if (step > 10) {
      t.true(Math.abs(Math.abs(next) - 1.98310468) < 1e-6, `step ${step}: ${next}`);
      t.true(Math.abs(stepSize - 9.7046) < 1e-3, `step ${step}: ${stepSize}`);
    }
    w = next;
  }
  t.false(converges(null));
});

test('ALI-G converges below the limit of 9.66 and at no rate above it', (t) => {
  const limit = 9.660857;
  for (let index = 0; index <= 60; index++) {
    const rate = 0.01 * 10 ** (index / 12);
    t.is(converges(rate), rate < limit, `rate ${rate}`);
  }
  for (const precision of ['float32', 'double'] as const) {
    t.true(converges(9.66085, precision));
    t.false(converges(9.66086, precision));
  }
});

interface Results {
  readonly command: string;
  readonly commits: readonly (string | null)[];
  readonly engines: readonly string[];
  readonly quick: boolean;
  readonly summary: Record<string, unknown>;
}

/** Makes the quick form of an experiment and returns its results. */
async function quickForm(t: ExecutionContext, name: string, ...more: string[]): Promise<Results> {
  const { exitCode, errors } = await startExperiment(
    [name, '--quick', '--jobs', '2', '--output', name, ...more],
    { cwd: folder },
  ).result;
  t.is(exitCode, 0, errors);
  const text = readFileSync(join(folder, name, 'results.json'), 'utf8');
  const results = JSON.parse(text) as Results;
  t.like(results, {
    command: [
      'tfjs-alig',
      'experiment',
      name,
      '--quick',
      '--jobs',
      '2',
      '--output',
      name,
      ...more,
    ].join(' '),
    quick: true,
  });
  t.is(results.commits.length, 1);
  return results;
}

function assertFigure(t: ExecutionContext, name: string, figure: string): void {
  const svg = readFileSync(join(folder, name, `${figure}.svg`), 'utf8');
  t.regex(svg, /^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  t.notRegex(svg, /NaN|undefined/);
  const png = readFileSync(join(folder, name, `${figure}.png`));
  t.is(png.toString('latin1', 1, 4), 'PNG');
  t.true(png.readUInt32BE(16) > 500 && png.length > 10_000, `${png.length} bytes`);
}

test.serial('experiment figure-1 --quick', async (t) => {
  const { summary, engines } = await quickForm(t, 'figure-1');
  t.deepEqual(engines, ['native-cpu']);
  const claims = summary['claims'] as { claim: string; worst: number }[];
  t.is(claims.length, 4);
  for (const { claim, worst } of claims.slice(0, 3)) {
    t.true(worst > 0 && worst <= 1, `${claim}: ${worst}`);
  }
  t.true(claims[3]!.worst > 1e4, 'with f* = 1 it is not Newton-Raphson for a root of f');
  assertFigure(t, 'figure-1', 'figure-1');
  t.regex(readFileSync(join(folder, 'figure-1', 'table.md'), 'utf8'), /^\| Claim/);
});

test.serial('experiment figure-2 --quick, with event files for TensorBoard', async (t) => {
  const { summary, engines } = await quickForm(t, 'figure-2', '--tensorboard');
  t.deepEqual(engines, ['native-cpu']);
  const { cycle, limit, limitInDouble, contradictions, sweep } = summary as {
    cycle: number[];
    limit: { converges: number; oscillates: number };
    limitInDouble: { converges: number };
    contradictions: unknown[];
    sweep: { converged: boolean }[];
  };
  t.deepEqual(
    cycle.map((w) => Math.abs(w).toFixed(5)),
    ['1.98310', '1.98310'],
  );
  t.is(cycle[0]! * cycle[1]! < 0, true);
  // Two neighbours among the float32 numbers, as the step rounds the rate.
  t.true(converges(limit.converges) && !converges(limit.oscillates));
  t.is(limit.oscillates - limit.converges, 2 ** -20);
  t.true(Math.abs(limitInDouble.converges - limit.converges) < 1e-5);
  t.true(limit.converges > 9 && limit.converges < 10);
  t.deepEqual(contradictions, []);
  t.is(sweep.length, 21);
  for (const figure of ['figure-2', 'trajectories', 'rates']) {
    assertFigure(t, 'figure-2', figure);
  }
  t.true(existsSync(join(folder, 'figure-2', 'tensorboard', 'polyak,seed=0')));
});

test.serial('a second command makes no run again', async (t) => {
  const log = join(folder, 'figure-1', 'runs', 'polyak,minimum=0,seed=0.jsonl');
  const { mtimeMs } = statSync(log);
  await quickForm(t, 'figure-1');
  t.is(statSync(log).mtimeMs, mtimeMs);
  t.is(Object.keys(readLogs(join(folder, 'figure-1'))).length, 4);
});

test.serial("another form's folder is not mixed up", async (t) => {
  const { exitCode, errors } = await startExperiment(['figure-1', '--output', 'figure-1'], {
    cwd: folder,
  }).result;
  t.is(exitCode, 1);
  t.regex(errors, /has another configuration than this run\. Choose another output folder/);
});

for (const name of ['figure-3', 'figure-3-long']) {
  test.serial(`experiment ${name} --quick`, async (t) => {
    const { summary, engines } = await quickForm(t, name);
    t.deepEqual(engines, ['tensorflow-cpu']);
    const { cells } = summary as { cells: { steps: number; finalObjective: number }[] };
    t.is(cells.length, 8);
    for (const { steps, finalObjective } of cells) {
      t.is(steps, 30);
      // Nothing is learnt in 30 steps: a random output has log(2) nats for each of some 15 terms.
      t.true(finalObjective > 1 && finalObjective < 30, String(finalObjective));
    }
    assertFigure(t, name, name);
  });
}
