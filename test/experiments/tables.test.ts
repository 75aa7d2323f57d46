/** The paper's Tables 1 to 3 and Figure 4: their grids and their quick forms. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import figure4 from '../../experiments/figure-4/experiment.js';
import { gridById, type RunSpecification } from '../../experiments/runner/experiment.js';
import table1 from '../../experiments/table-1/experiment.js';
import table2 from '../../experiments/table-2/experiment.js';
import table3 from '../../experiments/table-3/experiment.js';
import { scheduleOf } from '../../experiments/tables/methods.js';
import { readLogs, startExperiment } from './fixtures/run.js';
import { writeSmallData } from './small-data.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-tables-'));
const data = join(folder, 'data');
writeSmallData(data);

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The runs with these values among what they depend on. */
function having(
  grid: readonly RunSpecification[],
  values: Readonly<Record<string, unknown>>,
): RunSpecification[] {
  return grid.filter(({ method, hyperParameters, training }) => {
    const all: Record<string, unknown> = { method, ...hyperParameters, ...training };
    return Object.entries(values).every(([name, value]) => all[name] === value);
  });
}

for (const experiment of [table1, table2, table3, figure4]) {
  test(`${experiment.name}: no two runs have one name, and quick forms are short`, (t) => {
    for (const preset of ['laptop', 'paper']) {
      t.true(gridById(experiment, false, preset).size > 10);
      const quick = [...gridById(experiment, true, preset).values()];
      t.true(quick.every(({ steps }) => steps === 2));
    }
  });
}

test("Table 1, the paper's: what the published code chose is searched, with the paper's momentum", (t) => {
  const grid = table1.grid(false, 'paper');
  const task = 'svhn-wrn-16-4';
  for (const values of [
    { method: 'adagrad', learningRate: 0.01, weightDecay: 5e-4 },
    { method: 'adam', learningRate: 1e-5, weightDecay: 5e-4 },
    { method: 'amsgrad', learningRate: 1e-4, weightDecay: 5e-4 },
    { method: 'bpgrad', learningRate: 0.01, weightDecay: 5e-4, momentum: 0.9 },
    { method: 'dfw', learningRate: 0.01, weightDecay: 1e-4, loss: 'hinge' },
    { method: 'l4adam', fraction: 0.15, weightDecay: 1e-4 },
    { method: 'l4mom', fraction: 0.0015, weightDecay: 5e-4 },
    { method: 'alig', maxLearningRate: 0.01, maxNorm: 50, momentum: 0.9 },
    { method: 'sgd', learningRate: 0.01, momentum: 0.9, nesterov: true, schedule: 'wrn-svhn' },
  ]) {
    const found = having(grid, { task, batchSize: 128, epochs: 160, examples: 598_388, ...values });
    t.true(found.length > 0, JSON.stringify(values));
    // 598,388 images, 128 at a time, 160 times.
    t.is(found[0]!.steps, 748_000);
  }
  t.is(having(grid, { task }).length, grid.length);
  t.deepEqual(having(grid, { method: 'alig', weightDecay: 1e-4 }), []);
});

test("Table 2, the paper's: both losses, no penalty, no momentum, clipped gradients", (t) => {
  const grid = table2.grid(false, 'paper');
  const size = { task: 'snli-bilstm-2048', batchSize: 64, epochs: 20, examples: 549_367 };
  t.is(having(grid, size).length, grid.length);
  for (const values of [
    { method: 'adagrad', learningRate: 0.01, loss: 'crossEntropy', maxGradientNorm: 5 },
    { method: 'adam', learningRate: 1e-4, loss: 'hinge', maxGradientNorm: 5 },
    { method: 'bpgrad', learningRate: 1, loss: 'crossEntropy' },
    { method: 'dfw', learningRate: 1, loss: 'hinge', maxGradientNorm: undefined },
    { method: 'l4adam', fraction: 0.015, loss: 'hinge' },
    { method: 'alig', maxLearningRate: 1, loss: 'crossEntropy', maxGradientNorm: undefined },
    { method: 'alig-infinity', maxLearningRate: null, loss: 'hinge' },
    { method: 'sgd', learningRate: 1, loss: 'crossEntropy', schedule: 'infersent' },
    { method: 'sgd', learningRate: 0.1, loss: 'hinge', schedule: 'infersent' },
  ]) {
    t.is(having(grid, values).length, 1, JSON.stringify(values));
  }
  t.deepEqual(having(grid, { method: 'dfw', loss: 'crossEntropy' }), []);
  for (const { hyperParameters, steps } of grid) {
    t.is(hyperParameters['weightDecay'], undefined);
    t.is(hyperParameters['momentum'] ?? 0, 0);
    t.is(steps, 171_680);
  }
});

test("Table 3, the paper's: columns, radii, batch sizes and what the published code chose", (t) => {
  const grid = table3.grid(false, 'paper');
  const [wrn10, dn10] = ['cifar10-wrn-40-4', 'cifar10-dn-40-40'];
  const [wrn100, dn100] = ['cifar100-wrn-40-4', 'cifar100-dn-40-40'];
  for (const values of [
    { task: wrn10, method: 'amsgrad', batchSize: 512, learningRate: 1e-3, weightDecay: 1e-4 },
    { task: dn10, method: 'dfw', batchSize: 64, learningRate: 0.1, loss: 'smoothedHinge' },
    { task: wrn100, method: 'dfw', batchSize: 256, learningRate: 0.1, weightDecay: 5e-4 },
    { task: dn10, method: 'l4adam', batchSize: 256, fraction: 0.15, weightDecay: 1e-4 },
    { task: wrn100, method: 'l4mom', batchSize: 512, fraction: 0.015, weightDecay: 5e-4 },
    { task: wrn10, method: 'alig', batchSize: 256, maxLearningRate: 1, maxNorm: 100 },
    { task: dn10, method: 'alig', batchSize: 64, maxLearningRate: 0.1, maxNorm: 80 },
    { task: wrn100, method: 'alig', batchSize: 128, maxLearningRate: 0.1, maxNorm: 100 },
    { task: dn100, method: 'alig', batchSize: 256, maxLearningRate: 0.1, maxNorm: 75 },
    { task: dn100, method: 'adamw', batchSize: 64, learningRate: 1e-3, weightDecay: 1e-2 },
    { task: wrn10, method: 'yogi', batchSize: 128, learningRate: 1e-3, weightDecay: 1e-4 },
    { task: wrn100, method: 'sgd', batchSize: 128, learningRate: 0.1, weightDecay: 5e-4 },
    { task: dn10, method: 'sgd', batchSize: 64, learningRate: 0.1, weightDecay: 1e-4 },
  ]) {
    t.is(having(grid, values).length, 1, JSON.stringify(values));
  }
  for (const task of [wrn10, wrn100]) {
    const ofTask = having(grid, { task });
    t.deepEqual(
      new Set(ofTask.map(({ training }) => training!.batchSize)),
      new Set([128, 256, 512]),
    );
    t.is(having(ofTask, { epochs: 200, examples: 45_000 }).length, ofTask.length);
    t.is(having(ofTask, { method: 'alig' }).length, 6);
  }
  for (const task of [dn10, dn100]) {
    const ofTask = having(grid, { task });
    t.deepEqual(
      new Set(ofTask.map(({ training }) => training!.batchSize)),
      new Set([64, 128, 256]),
    );
    t.is(having(ofTask, { epochs: 300, examples: 45_000 }).length, ofTask.length);
    t.deepEqual(having(ofTask, { method: 'dfw', weightDecay: 5e-4 }), []);
  }
  for (const method of ['sgd', 'dfw', 'alig']) {
    t.is(having(grid, { method, momentum: 0.9 }).length, having(grid, { method }).length);
  }
});

test("Figure 4, the paper's: no regularisation, SGD at a constant rate", (t) => {
  const grid = figure4.grid(false, 'paper');
  t.is(new Set(grid.map(({ training }) => training!.task)).size, 5);
  t.deepEqual(
    new Set(grid.map(({ method }) => method)),
    new Set(['sgd', 'adam', 'adagrad', 'alig']),
  );
  for (const { hyperParameters } of grid) {
    for (const name of ['weightDecay', 'maxNorm', 'schedule']) {
      t.is(hyperParameters[name], undefined);
    }
  }
  const [task, denseNet] = ['cifar100-wrn-40-4', 'cifar100-dn-40-40'];
  for (const values of [
    { task, method: 'alig', maxLearningRate: 1, momentum: 0.9, batchSize: 128 },
    { task, method: 'sgd', learningRate: 0.1, momentum: 0.9 },
    { task, method: 'adagrad', learningRate: 0.1 },
    { task, method: 'adam', learningRate: 1e-3 },
    { task: denseNet, method: 'sgd', learningRate: 0.01, batchSize: 64, epochs: 300 },
  ]) {
    t.is(having(grid, values).length, 1, JSON.stringify(values));
  }
});

test('the schedules of SGD are their authors’, and decay after the same shares of fewer epochs', (t) => {
  const rates = (name: Parameters<typeof scheduleOf>[0], epochs: number, after: number[]) =>
    after.map((done) => Number(scheduleOf(name, 1, epochs).decay(done).toPrecision(6)));
  t.deepEqual(
    rates('wrn-cifar', 200, [0, 59, 60, 119, 120, 160, 199]),
    [1, 1, 0.2, 0.2, 0.04, 0.008, 0.008],
  );
  t.deepEqual(rates('dn', 300, [149, 150, 224, 225]), [1, 0.1, 0.1, 0.01]);
  t.deepEqual(rates('wrn-svhn', 160, [79, 80, 119, 120]), [1, 0.1, 0.1, 0.01]);
  t.deepEqual(rates('wrn-cifar', 5, [0, 1, 2, 3, 4]), [1, 1, 0.2, 0.04, 0.008]);
  t.deepEqual(rates('wrn-cifar', 1, [0]), [1]);
  t.deepEqual(rates('infersent', 20, [0, 1, 2]), [1, 0.99, 0.9801]);
  t.is(scheduleOf('infersent', 1, 20).plateauFactor, 0.2);
});

interface Setting {
  readonly hyperParameters: Record<string, unknown>;
  readonly epochs: number;
  readonly seeds: readonly number[];
  readonly diverged: number;
  readonly validationAccuracy: { readonly mean: number } | null;
  readonly testAccuracy: { readonly mean: number; readonly deviation: number | null } | null;
  readonly objective: { readonly mean: number } | null;
}

interface Summary {
  readonly notes: readonly string[];
  readonly columns: readonly {
    readonly title: string;
    readonly methods: readonly {
      readonly task: string;
      readonly method: string;
      readonly chosen: Setting;
      readonly trials: readonly Setting[];
    }[];
  }[];
}

/** Makes the quick form of a table and returns what results.json says of it. */
async function quickForm(
  t: ExecutionContext,
  name: string,
  output: string,
  ...more: string[]
): Promise<Summary> {
  const parameters = [name, '--quick', '--data', data, '--jobs', '2', '--output', output, ...more];
  const { exitCode, errors } = await startExperiment(parameters, { cwd: folder }).result;
  t.is(exitCode, 0, errors);
  const text = readFileSync(join(folder, output, 'results.json'), 'utf8');
  const { summary } = JSON.parse(text) as { summary: Summary };
  for (const { methods } of summary.columns) {
    for (const { method, chosen, trials } of methods) {
      t.is(chosen.epochs, 2, method);
      t.true(chosen.diverged === 0, method);
      // The best of the trials was repeated.
      const scores = trials.map(({ validationAccuracy, objective }) =>
        validationAccuracy === null ? -objective!.mean : validationAccuracy.mean,
      );
      const best = trials[scores.indexOf(Math.max(...scores))]!;
      t.deepEqual(chosen.hyperParameters, best.hyperParameters, method);
      t.true(chosen.objective!.mean > 0 && chosen.objective!.mean < 100, method);
    }
  }
  return summary;
}

function readTable(output: string, name: string): string {
  return readFileSync(join(folder, output, `${name}.md`), 'utf8');
}

test.serial("experiment table-1 --quick of the paper's, on SVHN's files", async (t) => {
  const { columns } = await quickForm(t, 'table-1', 'table-1', '--preset', 'paper');
  t.deepEqual(
    columns.map(({ title, methods }) => [title, methods.length]),
    [['SVHN, WRN-16-4', 9]],
  );
  const table = readTable('table-1', 'table');
  t.regex(
    table,
    /- SVHN, WRN-16-4 \(SVHN, WRN-10-1\): 2 epochs of 8 examples; searched by 1 epoch of 8 examples\./,
  );
  t.regex(table, /\| Method +\| SVHN, WRN-16-4 +\|/);
  t.regex(table, /\| ALI-G +\| \d+\.\d\d \(1\) +\|/);
  t.regex(readTable('table-1', 'settings'), /\| ALI-G .* maxNorm 50, batchSize 4 /);
});

test.serial(
  'experiment table-2 --quick, two shards into one folder and then the whole',
  async (t) => {
    for (const shard of ['1/2', '2/2', '1/2', '2/2']) {
      const { exitCode, errors } = await startExperiment(
        ['table-2', '--quick', '--data', data, '--output', 'table-2', '--shard', shard],
        { cwd: folder },
      ).result;
      t.is(exitCode, 0, errors);
    }
    // All runs are there, so this makes only the report again.
    const logs = readLogs(join(folder, 'table-2'));
    const { columns } = await quickForm(t, 'table-2', 'table-2');
    t.deepEqual(readLogs(join(folder, 'table-2')), logs);
    t.deepEqual(
      columns.map(({ title, methods }) => [title, methods.length]),
      [
        ['CE', 9],
        ['SVM', 10],
      ],
    );
    const table = readTable('table-2', 'table');
    t.regex(table, /\| Method +\| CE +\| SVM +\|/);
    t.regex(table, /\| DFW +\| +\| \d+\.\d\d \(1\) +\|/);
    t.regex(table, /\| ALI-G∞ +\| \d/);
  },
);

test.serial('experiment table-3 --quick: more seeds for the best adaptive method', async (t) => {
  const { columns } = await quickForm(t, 'table-3', 'table-3');
  t.is(columns.length, 2);
  for (const { methods } of columns) {
    const { task } = methods[0]!;
    t.is(methods.length, 8);
    const adaptive = methods.filter(({ method }) => ['amsgrad', 'adamw', 'yogi'].includes(method));
    const scoreOf = ({ trials }: (typeof methods)[number]) =>
      Math.max(...trials.map(({ validationAccuracy }) => validationAccuracy!.mean));
    const scores = adaptive.map(scoreOf);
    const best = scores.indexOf(Math.max(...scores));
    for (const [place, { method, chosen }] of adaptive.entries()) {
      t.deepEqual(chosen.seeds, place === best ? [1, 2] : [1], method);
      t.is(chosen.testAccuracy!.deviation === null, place !== best);
    }
    // Mean and deviation are those of the logs.
    const { method, chosen } = adaptive[best]!;
    const logs = Object.entries(readLogs(join(folder, 'table-3')));
    const accuracies = logs
      .filter(([name]) => name.startsWith(`${task},${method},`) && name.includes(',epochs=2,'))
      .flatMap(([, lines]) => lines.map((line) => JSON.parse(line) as { testAccuracy?: number }))
      .flatMap(({ testAccuracy }) => testAccuracy ?? []);
    t.is(accuracies.length, 2);
    const [first, second] = accuracies as [number, number];
    const { mean, deviation } = chosen.testAccuracy!;
    t.true(Math.abs(mean - (first + second) / 2) < 1e-12);
    t.true(Math.abs(deviation! - Math.abs(first - second) / Math.SQRT2) < 1e-12);
  }
});

test.serial('experiment figure-4 --quick', async (t) => {
  const { columns } = await quickForm(t, 'figure-4', 'figure-4');
  t.is(columns[0]!.methods.length, 4);
  const svg = readFileSync(join(folder, 'figure-4', 'figure-4.svg'), 'utf8');
  t.notRegex(svg, /NaN|undefined/);
  for (const title of ['SGD', 'Adam', 'Adagrad', 'ALI-G']) {
    t.true(svg.includes(`>${title}<`), title);
  }
  t.is(readFileSync(join(folder, 'figure-4', 'figure-4.png')).toString('latin1', 1, 4), 'PNG');
});

test.serial('data that are missing or wrong are refused before any run', async (t) => {
  for (const [parameters, problem] of [
    [['table-3'], /name it with --data <folder>/],
    [['table-3', '--data', data], /data_batch_1\.bin has 9,219 bytes, not 30,730,000/],
    [['table-1', '--preset', 'paper', '--data', data], /test_32x32\.mat has 12,536 bytes/],
    [['table-2', '--data', data], /SICK\.txt has 9 pairs of TRAIN, not 4,439/],
    [['table-2', '--preset', 'paper', '--plan', '--data', data], /snli_1\.0_train\.jsonl has 10 /],
  ] as const) {
    const { exitCode, errors } = await startExperiment([...parameters, '--output', 'refused'], {
      cwd: folder,
    }).result;
    t.is(exitCode, 1);
    t.regex(errors, problem);
  }
  t.false(existsSync(join(folder, 'refused')));
});

test.serial('--plan lists the runs and makes none', async (t) => {
  const parameters = ['table-1', '--preset', 'paper', '--plan', '--output', 'planned'];
  const { exitCode, output, errors } = await startExperiment(parameters, { cwd: folder }).result;
  t.is(exitCode, 0, errors);
  t.regex(
    output,
    /svhn-wrn-16-4,alig,maxLearningRate=0\.1,momentum=0\.9,maxNorm=50,.*seed=1: 748,000 steps\n/,
  );
  t.regex(output, /\n\d+ runs, [\d,]+ steps, and those that follow from their results\.\n$/);
  t.false(existsSync(join(folder, 'planned')));
});

test.serial(
  'killed with all its workers among the final runs, it resumes bit for bit',
  async (t) => {
    const parameters = ['figure-4', '--quick', '--data', data, '--jobs', '2', '--output', 'killed'];
    const runs = join(folder, 'killed', 'runs');
    const finished = () =>
      existsSync(runs) ? readdirSync(runs).filter((name) => /1\.jsonl$/.test(name)).length : 0;
    const trials = figure4.grid(true, 'laptop').length;
    const program = startExperiment(parameters, { cwd: folder });
    const deadline = Date.now() + 300_000;
    while (finished() <= trials && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    process.kill(-program.pid, 'SIGKILL');
    await program.result;
    t.true(finished() > trials && !existsSync(join(folder, 'killed', 'results.json')));

    const { exitCode, errors } = await startExperiment(parameters, { cwd: folder }).result;
    t.is(exitCode, 0, errors);
    // The first lines name the folder of the command.
    const steps = (output: string) =>
      Object.entries(readLogs(join(folder, output))).map(([name, lines]) => [name, lines.slice(1)]);
    t.deepEqual(steps('killed'), steps('figure-4'));
  },
);
