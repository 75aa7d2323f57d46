/** The DNC's task, its initial parameters, its training and its command. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createOptimizer } from 'tfjs-alig';

import { maskedCrossEntropy } from '../../experiments/dnc/loss.js';
import { prepareOptimizer } from '../../experiments/dnc/optimizers.js';
import { createParameters, parameterShapes } from '../../experiments/dnc/parameters.js';
import type {
  LogRecord,
  MeanRecord,
  RunRecord,
  StepRecord,
} from '../../experiments/dnc/records.js';
import {
  batchOfStep,
  drawBatch,
  drawSequences,
  layOut,
  publishedTask,
  type Sequence,
} from '../../experiments/dnc/repeat-copy.js';
import { baselineNames, l4Names, type OptimizerSettings } from '../../experiments/dnc/settings.js';
import { publishedSizes } from '../../experiments/dnc/sizes.js';
import { dncTask, startDnc } from '../../experiments/dnc/train.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import type { TakenStep } from '../../experiments/training/single-run.js';
import { DivergenceError, takeStep } from '../../experiments/training/step.js';
import type { EndedEpoch, TrainingStep } from '../../experiments/training/training-run.js';
import { decodeRecorded, goldenNetworks } from '../support/golden-models.js';
import { tensorCount, tensorsAdded } from '../support/tensor-count.js';
import {
  openElements,
  type ProgramResult,
  readLines,
  runProgram,
  withoutTimes,
} from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-dnc-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

for (const model of goldenNetworks('dnc-task')) {
  for (const sample of [0, 1, 2]) {
    test(`${model.id}: sequences are laid out as in sample ${sample}`, (t) => {
      const recorded = (name: string) =>
        Array.from(decodeRecorded(model.expected[`${name}:${sample}`]!));
      const { batchSize, bits } = publishedTask;
      const observations = recorded('observations');
      const sequences = recorded('length').map((length, element): Sequence => {
        const start = (time: number) => (time * batchSize + element) * (bits + 2);
        return {
          repeats: recorded('repeats')[element]!,
          pattern: Array.from({ length }, (_, time) =>
            observations.slice(start(time + 1), start(time + 1) + bits),
          ),
        };
      });
      const batch = layOut(bits, sequences);
      t.deepEqual(Array.from(batch.observations), observations);
      t.deepEqual(Array.from(batch.targets), recorded('target'));
      t.deepEqual(Array.from(batch.mask), recorded('mask'));
    });
  }
}

test('lengths, repeats and bits are uniform', (t) => {
  const batches = 400;
  const counts = new Map<string, number>();
  let [ones, bitCount] = [0, 0];
  for (let seed = 0; seed < batches; seed++) {
    for (const { repeats, pattern } of drawSequences(publishedTask, String(seed))) {
      const kind = `${pattern.length} x ${repeats}`;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const bits = pattern.flat();
      t.true(bits.every((bit) => bit === 0 || bit === 1));
      t.is(bits.length, pattern.length * publishedTask.bits);
      ones += bits.reduce((sum, bit) => sum + bit, 0);
      bitCount += bits.length;
    }
  }
  t.deepEqual([...counts.keys()].sort(), ['1 x 1', '1 x 2', '2 x 1', '2 x 2']);
  // Five standard deviations of a share of that many draws.
  const within = (share: number, expected: number, draws: number) =>
    Math.abs(share - expected) < 5 * Math.sqrt((expected * (1 - expected)) / draws);
  const sequences = batches * publishedTask.batchSize;
  for (const [kind, count] of counts) {
    t.true(within(count / sequences, 0.25, sequences), `${kind}: ${count}`);
  }
  t.true(within(ones / bitCount, 0.5, bitCount), `${ones} of ${bitCount}`);
});

test('a batch depends on its seed only, that of a step on seed and step', (t) => {
  const batch = drawBatch(publishedTask, 'a');
  t.deepEqual(drawBatch(publishedTask, 'a'), batch);
  t.notDeepEqual(drawBatch(publishedTask, 'b'), batch);
  t.deepEqual(batchOfStep(publishedTask, 1, 2), batchOfStep(publishedTask, 1, 2));
  t.notDeepEqual(batchOfStep(publishedTask, 1, 2), batchOfStep(publishedTask, 1, 3));
  t.notDeepEqual(batchOfStep(publishedTask, 1, 2), batchOfStep(publishedTask, 2, 2));
});

test.serial('the initial parameters are as recorded and seeded', (t) => {
  const shapes = parameterShapes(publishedSizes);
  const [first, again, other] = [1, 1, 2].map((seed) => {
    const parameters = createParameters(publishedSizes, seed);
    const values = shapes.map(({ name }) => parameters[name].dataSync<'float32'>());
    tf.dispose(Object.values(parameters));
    return values;
  });
  t.deepEqual(first, again);
  t.notDeepEqual(first, other);
  t.is(
    first!.reduce((sum, { length }) => sum + length, 0),
    43_980,
  );
  shapes.forEach(({ name, deviation }, index) => {
    const values = first![index]!;
    if (deviation === 0) {
      t.true(values.every((value) => value === 0));
      return;
    }
    t.true(
      values.every((value) => Math.abs(value) <= 2 * deviation * (1 + 1e-6)),
      name,
    );
    // Cut off at two of them, a normal distribution keeps 0.8796 of its standard deviation.
    const expected = 0.87962566 * deviation;
    const measured = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    t.true(Math.abs(measured / expected - 1) < 4 / Math.sqrt(2 * values.length), name);
  });
  // Not the same numbers again and again.
  t.not(first![2]![0]! / shapes[2]!.deviation, first![4]![0]! / shapes[4]!.deviation);
});

test('the loss is exact at its smallest value', (t) => {
  const [right, wrong] = tf.tidy(() => {
    const targets = tf.tensor3d([1, 0, 1], [1, 1, 3]);
    const mask = tf.ones([1, 1]);
    return [20, -20].map((logit) =>
      maskedCrossEntropy(tf.tensor3d([logit, -logit, logit], [1, 1, 3]), targets, mask).arraySync(),
    );
  });
  const smallest = 3 * Math.log1p(Math.exp(-20));
  t.true(Math.abs(right! / smallest - 1) < 1e-6);
  t.true(Math.abs(wrong! / (60 + smallest) - 1) < 1e-6);
});

interface Trained {
  readonly events: readonly TrainingStep[];
  readonly steps: readonly TakenStep[];
  readonly means: readonly EndedEpoch[];
}

/** Trains and checks that the tensors stay the same in number, and are gone at the end. */
async function train(
  t: ExecutionContext,
  optimizer: OptimizerSettings,
  steps: number,
  seed = 1,
): Promise<Trained> {
  const before = tensorCount();
  const run = await startDnc(prepareOptimizer(optimizer), { steps, seed });
  const counts = new Set<number>();
  const events: TrainingStep[] = [];
  while (events.length < steps && events.at(-1)?.end === undefined) {
    events.push(await run.step());
    counts.add(tensorCount());
  }
  run.dispose();
  t.is(counts.size, 1, `${optimizer.name}: ${[...counts].join(', ')}`);
  t.is(tensorCount(), before, optimizer.name);
  return {
    events,
    steps: events.filter((event): event is TakenStep => event.report !== null),
    means: events.flatMap(({ ended }) => ended ?? []),
  };
}

test.serial('ALI-G lowers the loss, takes no more memory, and repeats', async (t) => {
  const settings = { name: 'alig', maxLearningRate: 1 } as const;
  const { steps, means } = await train(t, settings, 250);
  t.is(steps.length, 250);
  t.deepEqual(
    means.map(({ step, sums }) => [step, sums.steps]),
    [
      [100, 100],
      [200, 100],
      [250, 50],
    ],
  );
  const [first, second] = means as [EndedEpoch, EndedEpoch];
  const sum = steps.slice(0, 100).reduce((total, { report }) => total + report.loss, 0);
  t.is(first.loss, sum / 100);
  t.true(second.loss < 0.8 * first.loss, `${first.loss}, then ${second.loss}`);
  for (const { report } of steps) {
    const { loss, gradientNorm } = report;
    // The Polyak step without epsilon, at most the maximal learning rate.
    const polyak = loss / gradientNorm ** 2;
    t.true(Math.abs(report.stepSize / Math.min(polyak, 1) - 1) < 1e-5);
  }
  const again = (await train(t, settings, 20)).steps;
  t.deepEqual(
    again.map(({ report }) => report.loss),
    steps.slice(0, 20).map(({ report }) => report.loss),
  );
});

test.serial('the resident size does not grow with the steps', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const sizes: number[] = [];
  const optimizer = prepareOptimizer({ name: 'alig', maxLearningRate: 1 });
  const run = await startDnc(optimizer, { steps: 600, seed: 1 });
  for (let step = 0; step < run.steps; step++) {
    if ((await run.step()).ended !== null) {
      collectGarbage();
      sizes.push(process.memoryUsage.rss());
    }
  }
  run.dispose();
  // A copy of the gradients that is kept at each step would be 176 kB, 70 MB in the last 400 steps.
  const growth = sizes[5]! - sizes[1]!;
  t.true(growth < 30e6, `grew by ${growth} bytes: ${sizes.join(', ')}`);
});

for (const settings of [
  ...baselineNames.map((name) => ({ name, learningRate: 1e-3 })),
  ...l4Names.map((name) => ({ name, fraction: 0.15 })),
]) {
  test.serial(`${settings.name} trains`, async (t) => {
    const { means, steps } = await train(t, settings, 5);
    t.is(means.length, 1);
    t.true(steps.every(({ report }) => report.loss > 0 && report.gradientNorm > 0));
    t.true(steps.every(({ report }) => report.engine === 'tensorflow-cpu'));
    t.is(new Set(steps.map(({ report }) => report.loss)).size, 5);
  });
}

test.serial('gradients are clipped together, but for ALI-G and L4', (t) => {
  const clipped = (settings: OptimizerSettings) => {
    const optimizer = prepareOptimizer(settings);
    const variable = tf.variable(tf.tensor1d([0, 0]));
    optimizer.applyGradients([{ name: variable.name, tensor: tf.tensor1d([300, 400]) }], {
      loss: 2.5e5,
    });
    const moved = [...variable.dataSync<'float32'>()];
    optimizer.dispose();
    return moved;
  };
  t.deepEqual(clipped({ name: 'sgd', learningRate: 1 }), [-30, -40]);
  t.deepEqual(clipped({ name: 'alig', maxLearningRate: 1 }), [-300, -400]);
  const [along, across] = clipped({ name: 'l4mom', fraction: 1 });
  t.true(Math.hypot(along!, across!) > 50);
});

test.serial('a training that diverges ends with the reason', async (t) => {
  const before = tensorCount();
  const optimizer = createOptimizer('l4mom', { fraction: 0.15 });
  const run = await startDnc(optimizer, { steps: 50, seed: 1 });
  const first = await run.step();
  t.is(first.end, undefined);
  // The second step size, 5 times the fraction, is then 5 times the largest float32, however a
  // machine rounds: the loss is 9.97 and the gradient's norm 1.79.
  optimizer.fraction = 3e38;
  const second = await run.step();
  t.is(second.step, 2);
  t.is(second.end, 'diverged');
  t.regex(String(second.record!['problem']), /the step size overflows float32/);
  run.dispose();
  t.is(tensorCount(), before);
});

test.serial('no optimiser takes a step with a loss that is not finite', (t) => {
  const task = dncTask(1);
  const bias = task.variables.at(-1)!;
  bias.assign(tf.fill(bias.shape, NaN));
  const batch = batchOfStep(publishedTask, 1, 1);
  const loss = () => task.loss(batch, new SeededRandom(1));
  const before = task.variables[1]!.dataSync();
  for (const settings of [
    { name: 'alig', maxLearningRate: 1 },
    { name: 'adam', learningRate: 1 },
  ] as const) {
    const prepared = prepareOptimizer(settings);
    const added = tensorsAdded(() => {
      t.throws(() => takeStep(prepared, task.variables, loss), {
        instanceOf: DivergenceError,
        message: /loss is NaN|loss .*not finite/,
      });
    });
    t.is(added, 0);
    t.deepEqual(task.variables[1]!.dataSync(), before);
    prepared.dispose();
  }
  task.dispose();
});

test.serial('a training that is left early leaves no tensors behind', async (t) => {
  const before = tensorCount();
  const optimizer = prepareOptimizer({ name: 'alig', maxLearningRate: null });
  const run = await startDnc(optimizer, { steps: 100, seed: 1 });
  t.is((await run.step()).ended, null);
  run.dispose();
  t.is(tensorCount(), before);
});

function runTraining(
  options: readonly string[],
  settings: { readonly interruptAt?: string } = {},
): Promise<ProgramResult> {
  return runProgram(['train', 'dnc', ...options], { folder, ...settings });
}

function readLog(output: string): LogRecord[] {
  return readLines(join(folder, output, 'log.jsonl')) as LogRecord[];
}

function readChart(output: string): string {
  return readFileSync(join(folder, output, 'curves.svg'), 'utf8');
}

test.serial('the program trains, logs every step and draws the curves', async (t) => {
  const options = ['--steps', '120', '--seed', '3', '--max-learning-rate', '10'];
  const result = await runTraining([...options, '--output', 'first']);
  t.is(result.exitCode, 0, result.errors);
  t.regex(result.output, /Training {3}50 % {2}loss \d\.\d\de[+-]\d {2}\d+ steps\/s {2}\d.* left/);
  t.regex(
    result.output,
    /Final objective: \d\.\d{3}e[+-]\d, the mean loss of 20 steps up to step 120/,
  );
  t.regex(result.output, /Engine: +tensorflow-cpu\n/);

  const records = readLog('first');
  const [run] = records as [RunRecord];
  t.is(run.type, 'run');
  t.is(run.engine, 'tensorflow-cpu');
  t.deepEqual(run.configuration, {
    optimizer: { name: 'alig', maxLearningRate: 10 },
    steps: 120,
    seed: 3,
  });
  t.is(run.environment['TF_NUM_INTRAOP_THREADS'], process.env['TF_NUM_INTRAOP_THREADS'] ?? '1');
  const steps = records.filter((record): record is StepRecord => record.type === 'step');
  t.is(steps.length, 120);
  t.true(steps.every(({ stepSize }) => stepSize > 0 && stepSize <= 10));
  t.deepEqual(
    records.filter(({ type }) => type === 'mean').map((record) => (record as MeanRecord).step),
    [100, 120],
  );
  const svg = readChart('first');
  t.regex(svg, /^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  t.deepEqual(openElements(svg), []);
  for (const text of ['ALI-G on repeat copy', 'Step size', 'Gradient norm']) {
    t.true(svg.includes(text), text);
  }

  t.is((await runTraining([...options, '--output', 'second'])).exitCode, 0);
  t.deepEqual(readLog('second').map(withoutTimes), records.map(withoutTimes));
});

test.serial('the program trains with a baseline', async (t) => {
  const options = ['--optimizer', 'adam', '--learning-rate', '0.001', '--steps', '10'];
  const result = await runTraining([...options, '--output', 'adam']);
  t.is(result.exitCode, 0, result.errors);
  const [run, first] = readLog('adam') as [RunRecord, StepRecord];
  t.is(run.engine, 'tensorflow-cpu');
  t.deepEqual(run.configuration.optimizer, { name: 'adam', learningRate: 0.001 });
  t.is(first.stepSize, Math.fround(0.001));
  t.true(readChart('adam').includes('Step size'));
});

test.serial('Ctrl-C ends the training with a chart of what is there', async (t) => {
  const result = await runTraining(['--steps', '1000', '--output', 'early'], {
    interruptAt: 'Training   10 %',
  });
  t.is(result.exitCode, 130, result.errors);
  t.regex(result.output, /Interrupted after [1-9]\d\d of 1000 steps;/);
  t.deepEqual(openElements(readChart('early')), []);
});

const badOptions: readonly (readonly [readonly string[], RegExp])[] = [
  [['--steps', '0'], /whole number at least 1/],
  [['--seed', '-1'], /whole number at least 0/],
  [['--optimizer', 'alix'], /Allowed choices are alig, sgd, momentum/],
  [['--max-learning-rate', '0'], /float32 number greater than 0, or none/],
  [['--learning-rate', '0.1'], /'--learning-rate <number>' is not for alig/],
  [['--optimizer', 'sgd'], /sgd needs the option '--learning-rate <number>'/],
  [
    ['--optimizer', 'sgd', '--learning-rate', '1', '--max-learning-rate', '1'],
    /'--max-learning-rate <number>' is not for sgd/,
  ],
];

for (const [options, message] of badOptions) {
  test.serial(`${options.join(' ')} is refused before anything is written`, async (t) => {
    const result = await runTraining(['--output', 'never', ...options]);
    t.is(result.exitCode, 1);
    t.is(result.output, '');
    t.regex(result.errors, message);
    t.false(existsSync(join(folder, 'never')));
  });
}
