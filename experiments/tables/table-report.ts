import { counted } from '../runner/counted.js';
import type { FinishedRun, HyperParameter, Report } from '../runner/experiment.js';
import { markdownTable } from '../runner/table.js';
import { methods } from './methods.js';
import { bestValidation, lastObjective } from './search.js';
import type { FinishedCell, FinishedColumn, FinishedTable } from './table-experiment.js';

/** The mean over seeds; the deviation is that of a single run, null where there is only one. */
interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

/** Runs that differ in nothing but their seeds. */
interface Setting {
  readonly hyperParameters: Readonly<Record<string, HyperParameter>>;
  readonly batchSize: number;
  readonly epochs: number;
  readonly examples: number;
  readonly seeds: readonly number[];
  readonly diverged: number;
  /** Of the best epoch; null: no epoch of some run was validated. */
  readonly validationAccuracy: Spread | null;
  /** Of the best epoch's weights; null: some run has none. */
  readonly testAccuracy: Spread | null;
  /** Of the last epoch; null: some run diverged. */
  readonly objective: Spread | null;
}

function spread(values: readonly unknown[]): Spread | null {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length < values.length) {
    return null;
  }
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = numbers.length < 2 ? null : Math.sqrt(squares / (numbers.length - 1));
  return { mean, deviation };
}

function settingOf(runs: readonly FinishedRun[]): Setting {
  const { hyperParameters, training } = runs[0]!.header.configuration;
  const { batchSize, epochs, examples } = training!;
  return {
    hyperParameters,
    batchSize,
    epochs,
    examples,
    seeds: runs.map(({ header }) => header.configuration.seed),
    diverged: runs.filter(({ end }) => end.reason === 'diverged').length,
    validationAccuracy: spread(runs.map(bestValidation)),
    testAccuracy: spread(runs.map(({ steps }) => steps.at(-1)?.['testAccuracy'])),
    objective: spread(runs.map(lastObjective)),
  };
}

/** A method's title, by its name. */
export function methodTitle(name: string): string {
  return methods.find((method) => method.name === name)!.title;
}

function percent(value: Spread | null): string {
  if (value === null) {
    return '-';
  }
  const [mean, deviation] = [value.mean, value.deviation].map((share) =>
    share === null ? null : (100 * share).toFixed(2),
  );
  return deviation === null ? mean! : `${mean!} ± ${deviation!}`;
}

function exponential(value: Spread | null): string {
  return value === null ? '-' : value.mean.toExponential(2);
}

function describeValue(value: HyperParameter): string {
  return typeof value === 'number' && value !== 0 && value < 1e-3
    ? value.toExponential()
    : String(value ?? 'none');
}

function describeHyperParameters({ hyperParameters, batchSize }: Setting): string {
  const parts = Object.entries(hyperParameters).map(
    ([name, value]) => `${name} ${describeValue(value)}`,
  );
  return [...parts, `batchSize ${batchSize}`].join(', ');
}

/** How often, of how many: nothing where no run diverged. */
function describeDivergence({ diverged, seeds }: Setting): string {
  return diverged === 0 ? '' : `${diverged} of ${seeds.length}`;
}

/** Sizes of a column's runs: what they trained on and how long. */
function describeColumn({ title, taskTitle, cells }: FinishedColumn): string {
  const { final, trial } = cells[0]!.search;
  const sizes = ({ epochs, examples }: typeof final) =>
    `${counted(epochs, 'epoch')} of ${counted(examples, 'example')}`;
  const isSame = final.epochs === trial.epochs && final.examples === trial.examples;
  const names = title === taskTitle ? title : `${title} (${taskTitle})`;
  return `- ${names}: ${sizes(final)}${isSame ? '' : `; searched by ${sizes(trial)}`}.`;
}

/** The lines above a table: what it is, its sizes, and what differs from the paper. */
export function headingOf({ title, notes, columns }: FinishedTable): string {
  const lines = [...columns.map(describeColumn), ...notes.map((note) => `- ${note}`)];
  return `${title}\n\n${lines.join('\n')}\n\n`;
}

/** The methods of all columns, in the order of the paper's tables. */
function methodsOf(columns: readonly FinishedColumn[]): string[] {
  const used = new Set(columns.flatMap(({ cells }) => cells.map(({ search }) => search.method)));
  return methods.map(({ name }) => name).filter((name) => used.has(name));
}

function cellText(cell: FinishedCell | undefined): string {
  if (cell === undefined) {
    return '';
  }
  const setting = settingOf(cell.finals);
  const divergence = describeDivergence(setting);
  return [
    `${percent(setting.testAccuracy)} (${setting.seeds.length})`,
    ...(divergence === '' ? [] : [`diverged: ${divergence}`]),
  ].join(', ');
}

/** The table as the paper has it: a row a method, a column a task or a loss. */
function mainTable(table: FinishedTable): string {
  const { columns } = table;
  return (
    headingOf(table) +
    'Test accuracy (%) of the weights of the best epoch by validation: mean, standard deviation of a ' +
    'single run, and the number of seeds in brackets.\n\n' +
    markdownTable(
      ['Method', ...columns.map(({ title }) => title)],
      methodsOf(columns).map((method) => [
        methodTitle(method),
        ...columns.map(({ cells }) =>
          cellText(cells.find(({ search }) => search.method === method)),
        ),
      ]),
    )
  );
}

const settingsHeader = [
  'Column',
  'Method',
  'Hyper-parameters',
  'Seeds',
  'Objective',
  'Validation (%)',
  'Test (%)',
  'Diverged',
];

function settingRow(column: string, method: string, setting: Setting): string[] {
  return [
    column,
    methodTitle(method),
    describeHyperParameters(setting),
    String(setting.seeds.length),
    exponential(setting.objective),
    percent(setting.validationAccuracy),
    percent(setting.testAccuracy),
    describeDivergence(setting),
  ];
}

/** The chosen hyper-parameters with what came of them. */
export function settingsTable(table: FinishedTable): string {
  const rows = table.columns.flatMap(({ title, cells }) =>
    cells.map(({ search, finals }) => settingRow(title, search.method, settingOf(finals))),
  );
  return headingOf(table) + markdownTable(settingsHeader, rows);
}

/** Every trial of the searches: how far off a wrong value is. */
export function trialsTable(table: FinishedTable): string {
  const rows = table.columns.flatMap(({ title, cells }) =>
    cells.flatMap(({ search, trials }) =>
      trials.map((run) => settingRow(title, search.method, settingOf([run]))),
    ),
  );
  return headingOf(table) + markdownTable(settingsHeader, rows);
}

/** What results.json has. */
export function summaryOf({ title, notes, criterion, columns }: FinishedTable): object {
  return {
    title,
    notes,
    chosenBy: criterion,
    columns: columns.map((column) => ({
      title: column.title,
      task: column.taskTitle,
      methods: column.cells.map(({ search, trials, finals }) => ({
        task: search.task,
        loss: search.loss,
        method: search.method,
        chosen: settingOf(finals),
        trials: trials.map((run) => settingOf([run])),
      })),
    })),
  };
}

/** Table of test accuracies, the chosen settings, and all trials. */
export function reportTable(table: FinishedTable): Report {
  return {
    summary: summaryOf(table),
    figures: [],
    tables: [
      { name: 'table', markdown: mainTable(table) },
      { name: 'settings', markdown: settingsTable(table) },
      { name: 'trials', markdown: trialsTable(table) },
    ],
  };
}
