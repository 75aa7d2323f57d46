import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { contenders, hostName, tensorFlowName } from '../../benchmarks/contenders/list.js';
import { aimsSection } from '../../benchmarks/page/aims.js';
import { shareChart, timeChart } from '../../benchmarks/page/charts.js';
import { contendersSection } from '../../benchmarks/page/contenders.js';
import { fitGrowth, growthSection } from '../../benchmarks/page/growth.js';
import {
  costOf,
  fitExchange,
  linkRate,
  modelledExchange,
  places,
  scaleSection,
  sentBy,
} from '../../benchmarks/page/scale.js';
import { stepSection } from '../../benchmarks/page/step.js';
import { makePages, withSection } from '../../benchmarks/page/write.js';
import {
  readResults,
  resultText,
  standardFile,
  type ResultName,
  type Results,
} from '../../benchmarks/results.js';
import { standardCases } from '../../benchmarks/step/cases.js';
import { disagreement } from '../../benchmarks/step/check.js';
import { elementsOf, networkShapes } from '../../benchmarks/step/shapes.js';
import { packageRoot } from '../../lib/platform/package.js';
import { missingMpi } from '../support/mpirun.js';
import { testsThatNeed } from '../support/needs.js';

const main = fileURLToPath(new URL('../../benchmarks/main.js', import.meta.url));

/** Runs a measurement in its quick form; returns its results and what it printed. */
async function quick<Name extends ResultName>(
  name: Name,
  ...options: string[]
): Promise<{ results: Results[Name]; stdout: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-alig-bench-'));
  try {
    const file = join(folder, 'results.json');
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      ...[name, '--quick', '--json', file, ...options],
    ]);
    return { results: readResults(name, file)!, stdout };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.serial('npm run bench -- --quick measures every contender, table and charts', async (t) => {
  t.timeout(1_790_000, 'measures, on a machine that may be busy');
  const { results, stdout } = await quick('step', '--threads', '2');
  const { machine, cases } = results;
  for (const name of ['node', 'tfjs-core', 'tfjs-node', 'tensorflow', 'tfjs-alig']) {
    t.regex(machine.versions[name] ?? '', /^\d+\.\d+/, name);
  }
  t.deepEqual(
    cases.map(({ shape, threads, momentum, projecting, bytesPerElement }) => [
      ...[shape, threads, momentum, projecting, bytesPerElement],
    ]),
    [
      ['20x500', 2, 0.9, true, 32],
      ['4x40000', 2, 0, false, 16],
    ],
  );
  for (const { contenders: measured, memory, momentum } of cases) {
    const wanted = contenders.filter(
      (each) => !each.peer && each.momentum !== (momentum === 0 ? 'with' : 'without'),
    );
    t.deepEqual(
      measured.map(({ name }) => name),
      wanted.map(({ name }) => name),
    );
    for (const { name, milliseconds, minimum, median, maximum, timesFloor } of measured) {
      t.true(stdout.includes(`| ${name} |`), name);
      t.is(milliseconds.length, 2);
      t.true(minimum > 0 && minimum <= median && median <= maximum, name);
      t.true(timesFloor.median > 0, name);
    }
    for (const { part, gigabytesPerSecond } of memory) t.true(gigabytesPerSecond > 0, part);
  }
  t.is([stepSection(results), contendersSection(results)].join('\n\n'), stdout.trimEnd());
});

test.serial('npm run bench -- training --quick measures the share of each optimiser', async (t) => {
  t.timeout(1_790_000, 'measures, on a machine that may be busy');
  const { results, stdout } = await quick('training');
  t.is(results.trainings.length, 5);
  for (const { title, optimizers } of results.trainings) {
    t.true(stdout.includes(`| ${title}`), title);
    t.deepEqual(
      optimizers.map(({ name }) => name),
      ['ALI-G in plain tfjs ops', 'AliG', 'tf.train.momentum'],
    );
    for (const { share, examplesPerSecond } of optimizers) {
      t.true(share!.median > 0 && share!.median < 1 && examplesPerSecond > 0);
    }
  }
});

test.serial('npm run bench -- memory --quick measures what steps hold', async (t) => {
  t.timeout(1_790_000, 'measures, on a machine that may be busy');
  const { results, stdout } = await quick('memory');
  for (const { name, tensorsAtFirst, tensorsAtLast } of results.soak) {
    t.true(stdout.includes(`| ${name} |`), name);
    t.is(tensorsAtFirst, tensorsAtLast, name);
  }
  t.deepEqual(
    results.large.map(({ name, momentum, projecting }) => [name, momentum, projecting]),
    [0, 0.9].flatMap((momentum) => [
      [hostName, momentum, false],
      [hostName, momentum, true],
      [tensorFlowName, momentum, false],
    ]),
  );
  for (const { measured } of results.large) t.true(measured!.step.minimum > 0);
});

test.serial("npm run bench -- host --quick measures the host's share", async (t) => {
  t.timeout(1_790_000, 'compiles, on a machine that may be busy');
  const { results, stdout } = await quick('host');
  t.deepEqual(
    results.steps.map(({ name }) => name),
    ['DeviceBuffer', 'Float32Array'].flatMap((kind) => [
      `fusedAliGStep, ${kind}`,
      `prepareAliGStep, ${kind}`,
    ]),
  );
  for (const { name, step } of results.steps) {
    t.true(stdout.includes(`| ${name} |`), name);
    t.true(step.minimum > 0, name);
  }
});

testsThatNeed('MPI', missingMpi())(
  'npm run bench -- mpi --quick measures steps on ranks',
  async (t) => {
    const { results, stdout } = await quick('mpi');
    t.deepEqual(
      results.results.map(({ ranks, bytesSent }) => [ranks, bytesSent]),
      [
        [1, 0],
        [2, 4512],
      ],
    );
    for (const { step, fast, alone, tensorFlow, allreduce, link, ddp } of results.results) {
      for (const { minimum } of [step, fast, alone, tensorFlow, allreduce]) t.true(minimum > 0);
      t.deepEqual([link, ddp], [null, null]);
    }
    t.regex(stdout, /\| 1,000 +\| +2 +\| memory \|/);
    t.regex(stdout, /PyTorch was not measured/);
  },
);

/** Why no link between two network namespaces can be made here; undefined where it can. */
function missingLinks(): string | undefined {
  const isAllowed = spawnSync('unshare', ['--net', '--uts', 'true']).status === 0;
  if (!isAllowed) return 'root';
  return spawnSync('tc', ['-V']).status === 0 ? undefined : 'apt install iproute2';
}

testsThatNeed('links', missingMpi() ?? missingLinks())(
  'npm run bench -- mpi --links measures two ranks and what is between them',
  async (t) => {
    const { results, stdout } = await quick('mpi', '--links', '1gbit');
    t.deepEqual(
      results.results.map(({ ranks, link }) => [ranks, link]),
      [
        [1, null],
        [2, null],
        [2, '1gbit'],
      ],
    );
    t.regex(stdout, /\| 1,000 +\| +2 +\| 1gbit \|/);
  },
);

test('an unknown shape is refused with the forms that are wanted', async (t) => {
  const error = await t.throwsAsync(
    promisify(execFile)(process.execPath, [main, '--shapes', '160*1000']),
  );
  t.regex((error as unknown as { stderr: string }).stderr, /TENSORSxELEMENTS.*ResNet-50/);
});

test('the shapes of networks have the published numbers of parameters', (t) => {
  t.deepEqual(
    networkShapes.map((shape) => [shape.name, elementsOf(shape)]),
    [
      ['DenseNet-40-40', 1_901_920],
      ['WRN-40-4', 8_949_210],
      ['ResNet-50', 25_557_032],
      ['BiLSTM', 47_155_715],
      ['GPT-2', 124_439_808],
    ],
  );
});

test('the cases cover the sizes, and every regime of some', (t) => {
  const cases = standardCases(2);
  const tensors = cases.map(({ shape }) => shape.sizes.length);
  const elements = cases.map(({ shape }) => elementsOf(shape));
  t.deepEqual([Math.min(...tensors), Math.max(...tensors)], [1, 2000]);
  t.is(Math.min(...elements), 1e3);
  t.true(elements.includes(1e8));
  const regimes = cases
    .filter(({ shape }) => shape.name === '160x1000')
    .map(({ threads, momentum, projecting }) => [threads, momentum, projecting].join());
  // One of them is also a size of its own.
  t.is(new Set(regimes).size, 8);
});

test('results that differ from the formula are found', (t) => {
  const expected = [Float32Array.of(1, 2)];
  const near = [Float32Array.of(1, 2 + 2 ** -20)];
  t.is(disagreement('exact', expected, [Float32Array.of(1, 2)]), null);
  t.is(disagreement('close', expected, near), null);
  t.regex(disagreement('exact', expected, near)!, /tensor 0 differs/);
  for (const value of [2.1, NaN]) {
    t.regex(disagreement('close', expected, [Float32Array.of(1, value)])!, /tensor 0 differs/);
  }
});

/** Tensors, parameters and the time of 10 us, 2 us a tensor and 0.5 ns a parameter. */
const measurements = [1, 20, 160].flatMap((tensors) =>
  [1e3, 1e4, 1e5, 1e7, 1e8].map((parameters) => ({
    tensors,
    parameters,
    milliseconds: (10 + 2 * tensors + 0.0005 * parameters) / 1000,
  })),
);

/** Results as if every contender had taken those times. */
function syntheticResults(): Results['step'] {
  const summary = (value: number) => ({ median: value, minimum: value, maximum: value });
  return {
    machine: {
      processor: 'a processor',
      processors: 2,
      caches: [],
      governor: null,
      transparentHugePages: null,
      memoryGibibytes: 1,
      loadBefore: 0,
      instructionSet: 'baseline',
      threads: 2,
      versions: {},
      commit: null,
      date: '2000-01-01',
    },
    rounds: { count: 1, turnMilliseconds: 1 },
    cases: measurements.map(({ tensors, parameters, milliseconds }) => ({
      shape: `${tensors} tensors`,
      tensors,
      elements: parameters,
      threads: 2,
      threadsTaken: 2,
      momentum: 0.9,
      projecting: false,
      bytesPerElement: 24,
      memory: [
        {
          part: 'floor',
          bytesPerElement: 24,
          milliseconds: [milliseconds / 2],
          ...summary(milliseconds / 2),
          gigabytesPerSecond: 1,
        },
      ],
      contenders: contenders.map(({ name, engine, work }) => ({
        name,
        engine,
        work,
        milliseconds: [milliseconds],
        ...summary(milliseconds),
        timesFloor: summary(2),
      })),
      leftOut: [],
    })),
  };
}

test('the growth of a step is found from its times', (t) => {
  const fit = fitGrowth(measurements)!;
  t.true(Math.abs(fit.startMicroseconds - 10) < 1e-6);
  t.true(Math.abs(fit.tensorMicroseconds - 2) < 1e-6);
  t.true(Math.abs(fit.parameterNanoseconds - 0.5) < 1e-6);
  t.true(fit.largestError < 1e-6);
  t.is(fitGrowth(measurements.slice(0, 3)), null);
});

test('aims are held against the cases that they are about', (t) => {
  const results = syntheticResults();
  const section = aimsSection(results);
  // 20 tensors take 50, 55 and 100 us; all contenders the same time, twice the floor's.
  t.regex(
    section,
    /20 tensors of a small model \| at most 150 us \| 3 of 3 \| 50\.5 us \| 100 us \|/,
  );
  t.regex(section, /in place, .* \| at least 90 % \| 0 of 3 \| 50\.0 % \| 50\.0 % \|/);
  t.regex(section, /without the norm, .* \| at least 1 x \| 15 of 15 \| 1\.00 x \|/);
  t.regex(section, /160 tensors of 1,000 \|\s+\| not measured \|/);
});

test('charts and growth are made of results', async (t) => {
  const results = syntheticResults();
  t.regex(growthSection(results), /AliG, tfjs-node .* 10\.00? \| 2\.00 \| 0\.500 \|/);
  for (const svg of [await timeChart(results), await shareChart(results)]) {
    t.regex(svg, /^<svg/);
    t.false(svg.includes('NaN'));
  }
});

test('the cost at scale follows from bandwidths', (t) => {
  const gpu = places.find(({ name }) => name === 'H100 SXM5')!;
  t.true(Math.abs(costOf(1e9, gpu).whole.step! - 24e12 / 3.35e12) < 1e-9);
  t.is(costOf(1e11, gpu).divided.step, null);
  const many = places.find(({ devices }) => devices === 4096)!;
  const { whole, divided, throughHost, network } = costOf(1e11, many);
  t.is(whole.step, null);
  t.true(Math.abs(divided.step! - 24e14 / 4096 / 3.35e12) < 1e-9);
  t.is(throughHost, 8e14 / 64e9);
  t.true(network > 1000 * divided.step!);
  t.regex(scaleSection(null), /100,000,000,000/);
});

test('what an exchange costs is found from its times', (t) => {
  const cost = { messageMilliseconds: 0.02, byteMilliseconds: 1e-6 };
  const cases = [1e4, 1e6, 2.56e7].flatMap((elements) => [
    ...[1, 2, 4].map((ranks) => ({ elements, ranks, link: null })),
    { elements, ranks: 2, link: '10gbit' },
  ]);
  const summary = (median: number) => ({ median, minimum: median, maximum: median });
  const { machine } = syntheticResults();
  const results = cases.map((each) => ({
    ...each,
    bytesSent: 0,
    step: summary(3 + modelledExchange(cost, each, machine.processors)),
    alone: summary(3),
    ...{ fast: summary(1), tensorFlow: summary(1), shards: summary(1), allreduce: summary(1) },
    ddp: null,
  }));
  const found = fitExchange({ machine, results })!;
  for (const [name, value] of Object.entries(cost)) {
    t.true(Math.abs(found[name as keyof typeof cost] / value - 1) < 1e-6, name);
  }
  t.is(fitExchange({ machine, results: results.slice(0, 3) }), null);
  t.is(linkRate('10gbit'), 1.25e6);
  // 100 buckets, each with a part and an average for each of three others, and a record.
  t.deepEqual(sentBy(25 * 2 ** 20, 4), { messages: 603, bytes: 6 * 25 * 2 ** 20 + 1536 });
  // 8 buckets of 256 KB for each of 50 ranks.
  t.is(sentBy(25 * 2 ** 20, 50).messages, 49 * (1 + 2 * 8));
  t.regex(scaleSection({ machine, results }), /20\.0 us a message and 1\.00 ns a byte/);
});

test('a section goes between its markers and nothing else changes', (t) => {
  const begin = '<!-- a: begin -->';
  const end = '<!-- a: end -->';
  t.is(
    withSection(`a\n\n${begin}\n\nold\n\n${end}\n\nb\n`, 'a', 'new'),
    `a\n\n${begin}\n\nnew\n\n${end}\n\nb\n`,
  );
  t.throws(() => withSection('a', 'a', 'new'), { message: /lacks/ });
});

test('the committed pages and charts are those of the committed results', async (t) => {
  for (const [name, text] of Object.entries(await makePages())) {
    t.is(await readFile(join(packageRoot, name), 'utf8'), text, `${name}: npm run bench -- page`);
  }
  for (const name of ['step', 'training', 'memory'] as const) {
    const results = readResults(name)!;
    t.is(await readFile(standardFile(name), 'utf8'), resultText(results), name);
  }
});
