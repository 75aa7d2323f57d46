import type { TopLevelSpec } from 'vega-lite';

import { chartWidth } from '../runner/chart.js';
import type { FinishedRun, HyperParameter, LoggedStep, Report } from '../runner/experiment.js';
import { markdownTable } from '../runner/table.js';
import type { TrainingExperiment } from './training-experiment.js';

/** Runs that differ in nothing but their seeds. */
interface Setting {
  readonly task: string;
  readonly loss: string;
  readonly method: string;
  readonly hyperParameters: Readonly<Record<string, HyperParameter>>;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seeds: readonly number[];
  /** How many of the runs diverged. */
  readonly diverged: number;
  /** The best of a run's epochs, in the mean over the seeds; null: some run has none. */
  readonly validationAccuracy: number | null;
  /** Of the best epochs' weights: mean over the seeds and standard deviation of a single run. */
  readonly testAccuracy: number | null;
  readonly testDeviation: number | null;
  /** Of the last epoch, in the mean over the seeds; null: some run diverged. */
  readonly objective: number | null;
  /** Whether it has the best validation accuracy of its task, loss and method. */
  readonly chosen: boolean;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The mean, or null where a value is missing. */
function meanOfAll(values: readonly (number | null)[]): number | null {
  const present = values.filter((value) => value !== null);
  return present.length < values.length ? null : mean(present);
}

function deviation(values: readonly number[]): number | null {
  const average = mean(values);
  return values.length < 2
    ? null
    : Math.sqrt(
        values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (values.length - 1),
      );
}

function numberOf(step: LoggedStep | undefined, name: string): number | null {
  const value = step?.[name];
  return typeof value === 'number' ? value : null;
}

function bestValidation({ steps }: FinishedRun): number | null {
  const accuracies = steps.flatMap((step) => numberOf(step, 'validationAccuracy') ?? []);
  return accuracies.length === 0 ? null : Math.max(...accuracies);
}

/** The runs by all that they depend on but their seeds, in the order of the grid. */
function bySetting(runs: readonly FinishedRun[]): FinishedRun[][] {
  const groups = new Map<string, FinishedRun[]>();
  for (const run of runs) {
    const { method, hyperParameters, training } = run.header.configuration;
    const key = JSON.stringify([method, hyperParameters, training]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()];
}

function summarise(runs: readonly FinishedRun[]): Omit<Setting, 'chosen'> {
  const { method, hyperParameters, training } = runs[0]!.header.configuration;
  const { task, loss, epochs, batchSize } = training!;
  const lastSteps = runs.map(({ steps }) => steps.at(-1));
  const diverged = runs.filter(({ end }) => end.reason === 'diverged').length;
  const accuracies = lastSteps.map((step) => numberOf(step, 'testAccuracy'));
  const testAccuracy = meanOfAll(accuracies);
  return {
    task,
    loss,
    method,
    hyperParameters,
    epochs,
    batchSize,
    seeds: runs.map(({ header }) => header.configuration.seed),
    diverged,
    validationAccuracy: meanOfAll(runs.map(bestValidation)),
    testAccuracy,
    testDeviation: testAccuracy === null ? null : deviation(accuracies.map(Number)),
    objective:
      diverged > 0 ? null : meanOfAll(lastSteps.map((step) => numberOf(step, 'objective'))),
  };
}

function isSameRow(a: Omit<Setting, 'chosen'>, b: Omit<Setting, 'chosen'>): boolean {
  return a.task === b.task && a.loss === b.loss && a.method === b.method;
}

/** Marks, of each task, loss and method, the setting with the best validation accuracy. */
function choose(settings: readonly Omit<Setting, 'chosen'>[]): Setting[] {
  // A search may have had fewer epochs than what it chose.
  const rank = ({ epochs, validationAccuracy }: Omit<Setting, 'chosen'>) =>
    epochs + (validationAccuracy ?? -1) / 2;
  return settings.map((setting) => {
    const rivals = settings.filter((other) => isSameRow(other, setting));
    const best = rivals.reduce((first, other) => (rank(other) > rank(first) ? other : first));
    return { ...setting, chosen: best === setting };
  });
}

function percent(share: number | null): string {
  return share === null ? 'none' : (100 * share).toFixed(2);
}

function describeTest({ testAccuracy, testDeviation }: Setting): string {
  return testDeviation === null
    ? percent(testAccuracy)
    : `${percent(testAccuracy)} ± ${percent(testDeviation)}`;
}

function describeObjective({ objective, diverged, seeds }: Setting): string {
  return objective === null
    ? `diverged (${diverged} of ${seeds.length})`
    : objective.toExponential(2);
}

function describeHyperParameters({ hyperParameters, batchSize, epochs }: Setting): string {
  const chosen = Object.entries(hyperParameters).map(([name, value]) =>
    [name, String(value ?? 'none')].join(' '),
  );
  return [...chosen, `batch size ${batchSize}`, `${epochs} epochs`].join(', ');
}

function titleOf(entries: readonly { name: string; title: string }[], name: string): string {
  return entries.find((entry) => entry.name === name)?.title ?? name;
}

function tableOf({ title, tasks, methods }: TrainingExperiment, settings: Setting[]): string {
  const table = markdownTable(
    ['Task', 'Loss', 'Method', 'Setting', 'Seeds', 'Objective', 'Validation (%)', 'Test (%)'],
    settings.map((setting) => [
      titleOf(tasks, setting.task),
      setting.loss,
      titleOf(methods, setting.method),
      describeHyperParameters(setting),
      String(setting.seeds.length),
      describeObjective(setting),
      percent(setting.validationAccuracy),
      describeTest(setting),
    ]),
  );
  return `${title}\n\n${table}`;
}

/** The training objective over the epochs, a panel a task and loss, a line a run. */
function figureOf(
  { title, tasks, methods }: TrainingExperiment,
  runs: readonly FinishedRun[],
): TopLevelSpec {
  const values = runs.flatMap(({ id, header, steps }) => {
    const { method, training } = header.configuration;
    return steps.flatMap((step) => {
      const objective = numberOf(step, 'objective');
      // An objective of exactly 0 has no place on a logarithmic axis.
      return objective === null || !(objective > 0)
        ? []
        : {
            run: id,
            panel: `${titleOf(tasks, training!.task)}, ${training!.loss}`,
            method: titleOf(methods, method),
            epoch: numberOf(step, 'epoch'),
            objective,
          };
    });
  });
  return {
    title: { text: title, frame: 'bounds' },
    data: { values },
    facet: { row: { field: 'panel', type: 'nominal', title: null } },
    spec: {
      width: chartWidth,
      height: 260,
      mark: { type: 'line', strokeWidth: 2 },
      encoding: {
        x: { field: 'epoch', type: 'quantitative', axis: { title: 'Epoch', tickMinStep: 1 } },
        y: {
          field: 'objective',
          type: 'quantitative',
          scale: { type: 'log', nice: false },
          axis: { title: 'Training objective', format: '~g' },
        },
        color: { field: 'method', type: 'nominal', title: null },
        detail: { field: 'run' },
      },
    },
    resolve: { scale: { y: 'independent' } },
  };
}

/**
 * A table of each method's best setting by validation accuracy, one of all settings, and the training
 * objective of the best ones over the epochs.
 */
export function reportTrainings(
  definition: TrainingExperiment,
  runs: readonly FinishedRun[],
): Report {
  const groups = bySetting(runs);
  const settings = choose(groups.map(summarise));
  const chosenRuns = groups.filter((_, index) => settings[index]!.chosen).flat();
  const { name } = definition;
  return {
    summary: { settings },
    figures: [{ name, specification: figureOf(definition, chosenRuns) }],
    tables: [
      {
        name: 'table',
        markdown: tableOf(
          definition,
          settings.filter(({ chosen }) => chosen),
        ),
      },
      { name: 'all-settings', markdown: tableOf(definition, settings) },
    ],
  };
}
