/** The committed results are what their logs and the experiments' code say. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

import { experiments } from '../../experiments/registry.js';
import { followUpById, gridById, type Experiment } from '../../experiments/runner/experiment.js';
import { runPaths } from '../../experiments/runner/files.js';
import { readFinishedRun } from '../../experiments/runner/resumable-log.js';

const folder = fileURLToPath(new URL('../../../experiments/results/', import.meta.url));

interface Results {
  readonly command: string;
  readonly quick: boolean;
  readonly preset?: string;
  readonly commits: readonly string[];
  readonly runs: readonly { readonly id: string }[];
  readonly summary: unknown;
}

const entryOf = (name: string) => experiments.find((entry) => entry.name === name)!;

async function experimentOf(name: string): Promise<Experiment> {
  const { module } = entryOf(name);
  return ((await import(module.href)) as { default: Experiment }).default;
}

/** A set of which more runs are still to be made has no results yet. */
const isFinished = (name: string) => existsSync(join(folder, name, 'results.json'));

for (const name of readdirSync(folder).filter((each) => !isFinished(each))) {
  test(`${name}, unfinished: its logs are whole, and of the laptop's runs`, async (t) => {
    const experiment = await experimentOf(name);
    const preset = entryOf(name).presets?.[0] ?? null;
    const grid = gridById(experiment, false, preset);
    const readThose = (from: typeof grid) =>
      [...from].flatMap(([id, specification]) => {
        const paths = runPaths(join(folder, name), id);
        return existsSync(paths.log) ? [readFinishedRun(paths, id, specification)] : [];
      });
    const first = readThose(grid);
    const further =
      first.length < grid.size ? [] : readThose(followUpById(experiment, first, false, preset));
    t.is(readdirSync(join(folder, name, 'runs')).length, first.length + further.length);
    for (const { commits } of [...first, ...further]) {
      for (const commit of commits) t.regex(String(commit), /^[\w.-]*[0-9a-f]{7,}$/);
    }
  });
}

for (const name of readdirSync(folder).filter(isFinished)) {
  test(`${name}: the results follow from the logs`, async (t) => {
    const results = JSON.parse(readFileSync(join(folder, name, 'results.json'), 'utf8')) as Results;
    t.false(results.quick);
    t.true(results.command.startsWith(`tfjs-alig experiment ${name} `));
    for (const commit of results.commits) {
      t.regex(commit, /^[\w.-]*[0-9a-f]{7,}$/, 'a commit, without changes to it');
    }

    const experiment = await experimentOf(name);
    const preset = results.preset ?? null;
    const grid = gridById(experiment, false, preset);
    const readAll = (runs: Results['runs'], from: typeof grid) =>
      runs.map(({ id }) => readFinishedRun(runPaths(join(folder, name), id), id, from.get(id)!));
    const first = readAll(
      results.runs.filter(({ id }) => grid.has(id)),
      grid,
    );
    const further = readAll(
      results.runs.filter(({ id }) => !grid.has(id)),
      followUpById(experiment, first, false, preset),
    );
    const runs = [...first, ...further];
    t.is(readdirSync(join(folder, name, 'runs')).length, runs.length);
    t.deepEqual(new Set(runs.flatMap(({ commits }) => commits)), new Set(results.commits));
    const { summary, tables, figures } = experiment.report(runs, false, preset);
    t.deepEqual(JSON.parse(JSON.stringify(summary)), results.summary);
    for (const table of tables) {
      t.is(readFileSync(join(folder, name, `${table.name}.md`), 'utf8'), table.markdown);
    }
    t.deepEqual(
      readdirSync(join(folder, name)).filter((file) => /\.(svg|png)$/.test(file)),
      figures.flatMap((figure) => [`${figure.name}.png`, `${figure.name}.svg`]).sort(),
    );
  });
}
