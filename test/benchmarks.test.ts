import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { withTable, type Results } from '../benchmarks/results.js';

const main = fileURLToPath(new URL('../benchmarks/main.js', import.meta.url));

test('npm run bench -- --quick measures every contender and writes table and JSON', async (t) => {
  t.timeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-alig-bench-'));
  try {
    const json = join(folder, 'step.json');
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      ...['--quick', '--repetitions', '2', '--threads', '2', '--json', json],
    ]);
    const { machine, comparisons } = JSON.parse(await readFile(json, 'utf8')) as Results;

    t.is(machine.threads, 2);
    for (const name of ['node', 'tfjs-core', 'tfjs-node', 'tensorflow', 'tfjs-alig']) {
      t.regex(machine.versions[name] ?? '', /^\d+\.\d+/, name);
    }
    t.deepEqual(
      comparisons.map(({ shape, ballActive }) => [shape.name, ballActive]),
      [
        ['160x1000', false],
        ['160x1000', true],
        ['16x160000', false],
        ['16x160000', true],
      ],
    );
    for (const { elements, bytesPerElement, ballActive, results } of comparisons) {
      t.is(bytesPerElement, ballActive ? 32 : 24);
      t.deepEqual(
        results.flatMap(({ engine }) => engine ?? []),
        [
          'native-cpu',
          'tensorflow-cpu',
          'native-cpu',
          'portable',
          ...(elements === 160_000 ? ['typescript'] : []),
        ],
      );
      for (const result of results) {
        t.true(stdout.includes(`| ${result.name} |`), result.name);
        t.is(result.milliseconds.length, 2);
        t.true(result.minimum > 0 && result.minimum <= result.median, result.name);
        t.true(result.median <= result.maximum, result.name);
        t.true(result.ratioToFloor > 0 && result.fasterThanPlain > 0, result.name);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an unknown shape is refused with the form that is wanted', async (t) => {
  const error = await t.throwsAsync(
    promisify(execFile)(process.execPath, [main, '--shapes', '160*1000']),
  );
  t.regex((error as unknown as { stderr: string }).stderr, /TENSORSxELEMENTS/);
});

test('the table goes between the markers of the document and nothing else changes', (t) => {
  const begin = '<!-- step benchmark: begin -->';
  const end = '<!-- step benchmark: end -->';
  t.is(
    withTable(`a\n\n${begin}\n\nold\n\n${end}\n\nb\n`, 'new'),
    `a\n\n${begin}\n\nnew\n\n${end}\n\nb\n`,
  );
  t.throws(() => withTable('a', 'new'), { message: /lacks/ });
});
