import {
  runId,
  type Experiment,
  type FinishedRun,
  type Figure,
  type Report,
} from '../runner/experiment.js';
import type { DataTask } from '../training/tasks.js';
import { trainingExperiment } from '../training/training-experiment.js';
import { methods } from './methods.js';
import type { PresetName } from './preset-names.js';
import { choose, finalsOf, trialsOf, type Chosen, type Criterion, type Search } from './search.js';
import { quickPrefix, quickSizes } from './tasks.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly searches: readonly Search[];
}

/** A size that a table is made in. */
export interface Preset {
  /** What is smaller than in the paper, what stands in for what and what is left out. */
  readonly notes: readonly string[];
  readonly columns: readonly Column[];
}

/** A search with its finished runs. */
export interface FinishedCell extends Chosen {
  /** With the best setting, in the order of their seeds. */
  readonly finals: readonly FinishedRun[];
}

export interface FinishedColumn {
  readonly title: string;
  /** Of its data and network, as they were. */
  readonly taskTitle: string;
  readonly cells: readonly FinishedCell[];
}

/** What tables and figures are made of. */
export interface FinishedTable {
  readonly title: string;
  readonly notes: readonly string[];
  readonly criterion: Criterion;
  readonly columns: readonly FinishedColumn[];
}

/** An experiment that searches hyper-parameters, and repeats the best with several seeds. */
export interface TableDefinition {
  readonly name: string;
  readonly title: string;
  readonly tasks: readonly DataTask[];
  readonly criterion: Criterion;
  readonly presets: Readonly<Record<PresetName, Preset>>;
  readonly report: (table: FinishedTable) => {
    readonly summary: object;
    readonly tables: Report['tables'];
    readonly figures: readonly Figure[];
  };
}

const quickTrial = { epochs: 1, examples: quickSizes.trainExamples };
const quickFinal = { epochs: 2, examples: quickSizes.trainExamples };
const quickBatchSize = 4;
const quickNote =
  'The quick form: the smallest networks on a handful of examples. It shows that all works, no more.';

/** The quick form's task of the same data set and kind of network. */
function quickTask(task: string, tasks: readonly DataTask[]): string {
  const [images, kind] = task.split('-');
  const found = tasks.find(({ name }) => name.startsWith(`${quickPrefix}${images}-${kind}-`));
  if (found === undefined) {
    throw new Error(`The task ${task} has no quick form.`);
  }
  return found.name;
}

/** One column with two values of each method's rate, the others with one. */
function quickSearch(search: Search, tasks: readonly DataTask[], isFirst: boolean): Search {
  const values = Object.entries(search.values).map(([name, choices], place) => [
    name,
    choices.slice(0, isFirst && place === 0 ? 2 : 1),
  ]);
  return {
    ...search,
    task: quickTask(search.task, tasks),
    values: Object.fromEntries(values) as Search['values'],
    batchSizes: [quickBatchSize],
    trial: quickTrial,
    final: quickFinal,
    seeds: 1,
    ...(search.seedsIfBest !== undefined && { seedsIfBest: 2 }),
  };
}

function presetOf(
  { presets, tasks }: TableDefinition,
  quick: boolean,
  name: string | null,
): Preset {
  const preset = presets[name as PresetName];
  if (!quick) {
    return preset;
  }
  return {
    notes: [quickNote],
    columns: preset.columns.map(({ title, searches }, place) => ({
      title,
      searches: searches.map((search) => quickSearch(search, tasks, place === 0)),
    })),
  };
}

function finish(
  definition: TableDefinition,
  { notes, columns }: Preset,
  runs: readonly FinishedRun[],
): FinishedTable {
  const { title, criterion, tasks } = definition;
  return {
    title,
    notes,
    criterion,
    columns: columns.map((column) => {
      const chosen = column.searches.map((search) => choose(search, runs, criterion));
      const finals = finalsOf(chosen).map((specifications) => specifications.map(runId));
      return {
        title: column.title,
        taskTitle: tasks.find(({ name }) => name === column.searches[0]!.task)!.title,
        cells: chosen.map((each, place) => ({
          ...each,
          finals: runs.filter(({ id }) => finals[place]!.includes(id)),
        })),
      };
    }),
  };
}

/** The experiment of a table: its trials, then the final runs of what these chose. */
export function tableExperiment(definition: TableDefinition): Experiment {
  const { name, tasks, criterion } = definition;
  const grid = (quick: boolean, preset: string | null) =>
    presetOf(definition, quick, preset).columns.flatMap(({ searches }) =>
      searches.flatMap(trialsOf),
    );
  return trainingExperiment({
    name,
    tasks,
    methods,
    grid,
    followUp(runs, quick, preset) {
      const known = new Set(runs.map(({ id }) => id));
      return presetOf(definition, quick, preset)
        .columns.flatMap(({ searches }) =>
          finalsOf(searches.map((search) => choose(search, runs, criterion))).flat(),
        )
        .filter((specification) => !known.has(runId(specification)));
    },
    report(runs, quick, preset) {
      return definition.report(finish(definition, presetOf(definition, quick, preset), runs));
    },
  });
}
