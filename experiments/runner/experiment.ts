import type { EngineName } from 'tfjs-alig';
import type { TopLevelSpec } from 'vega-lite';

import type { RunRecord } from './environment.js';

/** A value of a hyper-parameter; null stands for none, as in "no maximal learning rate". */
export type HyperParameter = number | string | boolean | null;

/** How a run passes through a data set. */
export interface TrainingSpecification {
  /** Data and network, as the experiment calls them. */
  readonly task: string;
  readonly loss: 'crossEntropy' | 'hinge' | 'smoothedHinge';
  readonly epochs: number;
  readonly batchSize: number;
  /** How many examples are trained on. */
  readonly examples: number;
}

/** One cell of a grid: what a run depends on, apart from the machine. */
export interface RunSpecification {
  readonly method: string;
  readonly hyperParameters: Readonly<Record<string, HyperParameter>>;
  /** Missing where a run has no epochs. */
  readonly training?: TrainingSpecification;
  readonly seed: number;
  /** Steps of the run, if it does not end earlier by itself. */
  readonly steps: number;
}

/** Numbers of one step, as they go into the log; what is not finite is written as a text. */
export type StepRecord = Readonly<Record<string, number | string | boolean | null>>;

/** What a step tells the runner. */
export interface StepOutcome {
  /** Goes into the log; null: nothing of this step does. */
  readonly record: StepRecord | null;
  /** The engine that carried out the step; null: no step of this package. */
  readonly engine: EngineName | null;
  /** Why the run ends with this step before it has made all of its steps: 'converged', 'diverged'. */
  readonly end?: string;
}

/** What a checkpoint can hold: numbers, texts, typed arrays, and lists and records of these. */
export type StateValue =
  | number
  | string
  | boolean
  | null
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | readonly StateValue[]
  | { readonly [name: string]: StateValue };

/** All that the next steps of a run depend on. */
export type RunState = Readonly<Record<string, StateValue>>;

/** A run that is under way. */
export interface Run {
  /** Takes the next step. */
  step(): StepOutcome | Promise<StepOutcome>;
  /** A copy of the state: later steps do not change it. */
  save(): RunState | Promise<RunState>;
  /** Continues from a state that `save` returned in another process. */
  restore(state: RunState): void | Promise<void>;
  /** Frees what garbage collection does not: tensors. */
  dispose?(): void;
}

/** First line of a log: all that the numbers after it depend on. */
export interface RunHeader extends RunRecord<RunSpecification, EngineName | null> {
  readonly experiment: string;
  /** `git describe` of the package's sources; null: they are in no repository. */
  readonly commit: string | null;
  readonly command: string;
}

/** Last line of a log. */
export interface RunEnd {
  readonly type: 'end';
  readonly steps: number;
  /** 'finished', or the reason that the last step gave. */
  readonly reason: string;
  readonly seconds: number;
}

/** A step's line in a log: its number, the seconds since the run began, and its record. */
export type LoggedStep = StepRecord & {
  readonly type: 'step';
  readonly step: number;
  readonly seconds: number;
};

/** A run as its log tells it. */
export interface FinishedRun {
  readonly id: string;
  readonly header: RunHeader;
  /** Of its processes: more than one where it was killed and went on with other sources. */
  readonly commits: readonly (string | null)[];
  readonly steps: readonly LoggedStep[];
  readonly end: RunEnd;
}

/** A figure or a table, by the name of its file without the ending. */
export interface Figure {
  readonly name: string;
  readonly specification: TopLevelSpec;
}

/** What an experiment makes of its finished runs. */
export interface Report {
  /** Goes into results.json as it is. */
  readonly summary: object;
  readonly figures: readonly Figure[];
  readonly tables: readonly { readonly name: string; readonly markdown: string }[];
}

/** Where a run finds what its specification does not hold. */
export interface RunContext {
  /** The folder of the data sets, or null where none was given. */
  readonly dataFolder: string | null;
}

/**
 * An experiment: a table of runs, how one is made, and what is made of all of them. It is the
 * default export of a module, which each worker process imports.
 */
export interface Experiment {
  readonly name: string;
  /**
   * The table of runs.
   *
   * @param quick Whether a smaller one is wanted.
   * @param preset Which one, of the experiment's `presets` in the registry; null: it has none.
   */
  grid(quick: boolean, preset: string | null): readonly RunSpecification[];
  /** Throws, before any run is made, where a run of the table would lack its data. */
  checkData?(grid: readonly RunSpecification[], context: RunContext): void | Promise<void>;
  start(specification: RunSpecification, context: RunContext): Run | Promise<Run>;
  /**
   * Further runs, which the finished runs of the table determine, as those of the setting that a
   * search chose. Default: none.
   */
  followUp?(
    runs: readonly FinishedRun[],
    quick: boolean,
    preset: string | null,
  ): readonly RunSpecification[];
  /** @param runs Of the table, and the further ones. */
  report(runs: readonly FinishedRun[], quick: boolean, preset: string | null): Report;
}

/**
 * A run's name, which is that of its files: method, hyper-parameters and seed, and of a training the
 * rest of what its table may vary.
 * @example 'alig,maxLearningRate=0.1,seed=1'
 * @example 'wrn,alig,maxLearningRate=0.1,loss=hinge,batchSize=128,epochs=10,seed=1'
 */
export function runId(specification: RunSpecification): string {
  const { method, hyperParameters, training, seed } = specification;
  const varied: [string, HyperParameter][] =
    training === undefined
      ? []
      : [
          ['loss', training.loss],
          ['batchSize', training.batchSize],
          ['epochs', training.epochs],
        ];
  const parts = [...Object.entries(hyperParameters), ...varied, ['seed', seed] as const].map(
    ([name, value]) => `${name}=${String(value ?? 'none')}`,
  );
  const names = training === undefined ? [method] : [training.task, method];
  // What remains may be in a file's name on every system.
  return [...names, ...parts].join(',').replaceAll(/[^\w.,=+-]/g, '-');
}

/** Runs by their names. */
export type Grid = ReadonlyMap<string, RunSpecification>;

/** @throws Error where two runs have one name: they would write one file. */
function byId({ name }: Experiment, runs: readonly RunSpecification[]): Grid {
  const grid = new Map(runs.map((specification) => [runId(specification), specification]));
  if (grid.size !== runs.length) {
    throw new Error(`Two runs of ${name} have the same method, settings and seed.`);
  }
  return grid;
}

/**
 * The table of an experiment by the runs' names.
 * @throws Error where two runs have one name: they would write one file.
 */
export function gridById(experiment: Experiment, quick: boolean, preset: string | null): Grid {
  return byId(experiment, experiment.grid(quick, preset));
}

/** The runs that follow from those of the table, by their names. */
export function followUpById(
  experiment: Experiment,
  runs: readonly FinishedRun[],
  quick: boolean,
  preset: string | null,
): Grid {
  return byId(experiment, experiment.followUp?.(runs, quick, preset) ?? []);
}

/** One of several commands that share the runs of a grid. */
export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/** Every `count`-th run of a grid, from the `index`-th on: together the shards have each run once. */
export function shardOf<Value>(
  grid: ReadonlyMap<string, Value>,
  { index, count }: Shard,
): Map<string, Value> {
  return new Map([...grid].filter((_, place) => place % count === index - 1));
}
