/** The one way to run a network: batches, epochs, selection, schedules, checkpoints. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { createOptimizer, exponentialDecay, stepDecay } from 'tfjs-alig';

import type { Sentences } from '../../experiments/data/sentences.js';
import type { Run } from '../../experiments/runner/experiment.js';
import { runId, shardOf } from '../../experiments/runner/experiment.js';
import {
  placesAfter,
  type Batch,
  type BatchCounts,
  type BatchSource,
} from '../../experiments/training/batches.js';
import { countBatches, ExampleOrder } from '../../experiments/training/example-order.js';
import { imageBatches } from '../../experiments/training/image-batches.js';
import type { ScheduleSettings } from '../../experiments/training/learning-rate.js';
import { openBatches, type BatchStream } from '../../experiments/training/prepared-batches.js';
import { pairBatches } from '../../experiments/training/sentence-batches.js';
import type { Task } from '../../experiments/training/task.js';
import { TrainingRun } from '../../experiments/training/training-run.js';
import { stripedData, trained } from './fixtures/training.js';
import { tensorCount } from '../support/tensor-count.js';

const order = {
  sizes: { train: 50, validation: 20, test: 20 },
  examples: 45,
  batchSize: 16,
  evaluationBatchSize: 8,
  seed: 5,
};

function sentences(length: number): Sentences {
  const starts = Uint32Array.from({ length: length + 1 }, (_, index) => (index * (index + 3)) / 2);
  const words = Int32Array.from({ length: starts[length]! }, (_, index) => 1 + (index % 7));
  return { length, words, starts };
}

function pairs(length: number) {
  const labels = Uint8Array.from({ length }, (_, index) => index % 3);
  return { length, first: sentences(length), second: sentences(length), labels };
}

const sources: Readonly<Record<string, BatchSource>> = {
  images: imageBatches({
    splits: stripedData().splits,
    normalisation: stripedData().normalisation,
    augmentation: { padding: 1, flip: true },
    order,
  }),
  pairs: pairBatches({
    splits: { train: pairs(50), validation: pairs(20), test: pairs(20) },
    order,
  }),
};

for (const [name, source] of Object.entries(sources)) {
  test(`${name}: batches are the same whether a thread prepares them or not`, async (t) => {
    const counts = countBatches(order, 2);
    const ahead = await openBatches(source);
    const here = await openBatches(source, { ahead: false });
    const places = [...placesAfter(0, counts)];
    ahead.begin(places.values());
    here.begin(places.values());
    const batches: Batch[] = [];
    for (const place of places) {
      const batch = await ahead.next();
      t.deepEqual(batch, await here.next(), JSON.stringify(place));
      batches.push(batch);
    }
    // 45 = 2 * 16 + 13 in each epoch, and 20 = 2 * 8 + 4 to validate and to test.
    const [train, evaluation] = [
      [16, 16, 13],
      [8, 8, 4],
    ] as const;
    t.deepEqual(
      batches.map(({ batchSize }) => batchSize),
      [train, evaluation, train, evaluation, evaluation].flat(),
    );
    // Other places than those that were asked for before.
    ahead.begin(placesAfter(4, counts));
    t.deepEqual(await ahead.next(), batches[7]);
    ahead.dispose();
  });
}

test('an epoch has every chosen example once, in an order of its own', (t) => {
  const examples = new ExampleOrder(order);
  const epochs = [1, 2].map((epoch) =>
    [0, 1, 2].flatMap((index) => [...examples.indices({ set: 'train', epoch, index })]),
  );
  t.is(new Set(epochs[0]).size, 45);
  t.deepEqual([...epochs[0]!].sort(), [...epochs[1]!].sort());
  t.notDeepEqual(epochs[0], epochs[1]);
  t.deepEqual([...examples.indices({ set: 'test', epoch: 1, index: 2 })], [16, 17, 18, 19]);
  t.throws(() => new ExampleOrder({ ...order, examples: 51 }), {
    message: 'examples must be at most the 50 of the training set, not 51.',
  });
});

test('what goes wrong in the thread is told to who waits for a batch', async (t) => {
  const data = { splits: {}, order, normalisation: { mean: [], standardDeviation: [] } };
  const module = sources['images']!.module;
  const batches = await openBatches({ module, data: { ...data, augmentation: null } });
  batches.begin(placesAfter(0, countBatches(order, 1)));
  await t.throwsAsync(batches.next(), { message: /^A batch could not be made: Cannot read prop/ });
  batches.dispose();
});

/** Batches of one example without content. */
const emptyBatches: BatchStream<Batch> = {
  begin: () => undefined,
  next: () => Promise.resolve({ batchSize: 1 }),
  dispose: () => undefined,
};

/** One number, whose loss is itself: SGD lowers it by the learning rate in each step. */
function descent(rightAnswers: (value: number) => number): Task<Batch> & { seen: number[] } {
  const variable = tf.variable(tf.scalar(10));
  const statistic = tf.variable(tf.scalar(0), false);
  const seen: number[] = [];
  return {
    seen,
    variables: [variable],
    statistics: [statistic],
    loss() {
      statistic.assign(variable.mul(2));
      return variable.mul<tf.Scalar>(1);
    },
    evaluate() {
      const [value] = variable.dataSync();
      seen.push(value!, statistic.dataSync()[0]!);
      return { loss: value!, right: rightAnswers(value!) };
    },
    dispose() {
      tf.dispose([variable, statistic]);
    },
  };
}

function descentRun(
  task: Task<Batch>,
  counts: BatchCounts,
  { schedule, weightDecay = 0 }: { schedule?: ScheduleSettings; weightDecay?: number } = {},
): TrainingRun {
  return new TrainingRun({
    task,
    optimizer: createOptimizer('sgd', { learningRate: 1 }),
    batches: emptyBatches,
    counts,
    seed: 1,
    ...(schedule && { schedule }),
    weightDecay,
    record: ({ objective }) => ({ objective }),
  });
}

const counts = { steps: 8, stepsPerEpoch: 2, validation: 1, test: 1 };

test.serial('the weights and statistics of the best epoch are tested, once', async (t) => {
  // After the four epochs the number is 8, 6, 4, 2.
  const task = descent((value) => (value === 6 || value === 2 ? 0.9 : 0.5));
  const before = tensorCount();
  const run = descentRun(task, counts, { weightDecay: 0.5 });
  const steps = [];
  for (let step = 0; step < 8; step++) {
    steps.push(await run.step());
  }
  const ended = steps.flatMap((step) => step.ended ?? []);
  t.deepEqual(
    ended.map(({ epoch, step, loss, validation }) => [epoch, step, loss, validation!.accuracy]),
    [
      [1, 2, 9.5, 0.5],
      [2, 4, 7.5, 0.9],
      [3, 6, 5.5, 0.5],
      [4, 8, 3.5, 0.9],
    ],
  );
  t.deepEqual(
    ended.map(({ objective }) => objective),
    [9.5 + 64 / 4, 7.5 + 36 / 4, 5.5 + 16 / 4, 3.5 + 4 / 4],
  );
  t.deepEqual(
    ended.map(({ test: result }) => result?.epoch ?? null),
    [null, null, null, 2],
  );
  // Number and statistic as each evaluation found them; the last one is the test.
  t.deepEqual(task.seen, [8, 18, 6, 14, 4, 10, 2, 6, 6, 14]);
  t.is(tensorCount(), before);
  run.dispose();
});

test.serial('a training that diverges tests the best epoch before it', async (t) => {
  const task = descent((value) => value / 10);
  const run = descentRun(task, counts);
  for (let step = 0; step < 3; step++) {
    await run.step();
  }
  task.variables[0]!.assign(tf.scalar(Infinity));
  const { record, end } = await run.step();
  t.is(end, 'diverged');
  t.like(record, { bestEpoch: 1, testLoss: 8, testAccuracy: 0.8 });
  run.dispose();
});

test.serial('schedules set the rate of each epoch, also after a checkpoint', async (t) => {
  const accuracies = [0.5, 0.4, 0.6, 0.6];
  const schedules: readonly [ScheduleSettings, readonly number[]][] = [
    [
      { decay: stepDecay({ learningRate: 1, afterEpochs: [1, 3], factor: 0.5 }) },
      [1, 0.5, 0.5, 0.25],
    ],
    [
      { decay: exponentialDecay({ learningRate: 1, factor: 0.99 }), plateauFactor: 0.2 },
      // The second epoch is no better than the first, the fourth no better than the third.
      [1, 0.99, 0.99 ** 2 / 5, 0.99 ** 3 / 5],
    ],
  ];
  for (const [schedule, expected] of schedules) {
    let epoch = 0;
    const task = () => descent(() => accuracies[epoch++]!);
    let run = descentRun(task(), counts, { schedule });
    const rates: number[] = [];
    for (let step = 1; step <= 8; step++) {
      rates.push((await run.step()).report!.stepSize);
      // Inside an epoch and at its end.
      const state = structuredClone(await run.save());
      run.dispose();
      run = descentRun(task(), counts, { schedule });
      await run.restore(state);
    }
    run.dispose();
    t.deepEqual(
      rates,
      expected.flatMap((rate) => [Math.fround(rate), Math.fround(rate)]),
    );
  }
});

/** What steps log, without the times. */
async function recordsOf(run: Run, count: number) {
  const records = [];
  for (let step = 0; step < count; step++) {
    const { record, engine } = await run.step();
    records.push([engine, { ...record, trainingSeconds: 0, waited: 0 }]);
  }
  return records;
}

for (const specification of trained.grid(false, null)) {
  test.serial(`${runId(specification)}: goes on inside an epoch bit for bit`, async (t) => {
    const before = tensorCount();
    const start = () => trained.start(specification, { dataFolder: null });
    const whole = await start();
    // Inside the second epoch, when the first one is the best so far.
    const first = specification.steps / specification.training!.epochs + 1;
    await recordsOf(whole, first);
    const resumed = await start();
    await resumed.restore(structuredClone(await whole.save()));
    const rest = await recordsOf(whole, specification.steps - first);
    t.deepEqual(await recordsOf(resumed, specification.steps - first), rest);
    const last = rest.at(-1)![1] as Record<string, number>;
    t.true(last['testAccuracy']! >= 0 && last['testAccuracy']! <= 1);
    t.true(last['bestEpoch']! >= 1 && last['bestEpoch']! <= specification.training!.epochs);
    t.true(last['loss']! > 0 && last['objective']! >= last['loss']!);
    whole.dispose?.();
    resumed.dispose?.();
    t.is(tensorCount(), before);
  });
}

test('the shards of a grid have each run once', (t) => {
  const grid = new Map(Array.from({ length: 11 }, (_, index) => [`run ${index}`, index]));
  const shards = [1, 2, 3].map((index) => [...shardOf(grid, { index, count: 3 }).values()]);
  t.deepEqual(shards, [
    [0, 3, 6, 9],
    [1, 4, 7, 10],
    [2, 5, 8],
  ]);
});
