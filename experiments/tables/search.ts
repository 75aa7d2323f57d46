import {
  runId,
  type FinishedRun,
  type HyperParameter,
  type TrainingSpecification,
} from '../runner/experiment.js';
import type { TrainingRunSpecification } from '../training/tasks.js';
import { specifyTraining } from '../training/training-experiment.js';

/** How long a run is. */
export type Budget = Pick<TrainingSpecification, 'epochs' | 'examples'>;

/** A cell of a table: a method on a task, whose hyper-parameters are searched. */
export interface Search {
  readonly task: string;
  readonly method: string;
  readonly loss: TrainingSpecification['loss'];
  /** All combinations of these, and of the batch sizes, are tried. */
  readonly values: Readonly<Record<string, readonly HyperParameter[]>>;
  readonly batchSizes: readonly number[];
  /** Of the runs that try, all with seed 1. */
  readonly trial: Budget;
  /** Of the runs with the best of them; where it is the same, the trial is the first of these. */
  readonly final: Budget;
  /** Of the final runs: 1 to this. */
  readonly seeds: number;
  /** As many, if it is the best of all searches of its task and loss that have this. */
  readonly seedsIfBest?: number;
}

/** What the best trial has most, or least, of. */
export type Criterion = 'validationAccuracy' | 'objective';

function combinations(
  values: Readonly<Record<string, readonly HyperParameter[]>>,
): Record<string, HyperParameter>[] {
  return Object.entries(values).reduce<Record<string, HyperParameter>[]>(
    (partial, [name, choices]) =>
      partial.flatMap((settings) => choices.map((choice) => ({ ...settings, [name]: choice }))),
    [{}],
  );
}

/** The runs that try each combination of a search. */
export function trialsOf(search: Search): TrainingRunSpecification[] {
  const { task, method, loss, values, batchSizes, trial } = search;
  return batchSizes.flatMap((batchSize) =>
    combinations(values).map((hyperParameters) =>
      specifyTraining({
        method,
        hyperParameters,
        training: { task, loss, batchSize, ...trial },
        seed: 1,
      }),
    ),
  );
}

function finite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** The best validation accuracy of a run's epochs; null: none was validated. */
export function bestValidation({ steps }: FinishedRun): number | null {
  const accuracies = steps.map((step) => step['validationAccuracy']).filter(finite);
  return accuracies.length === 0 ? null : Math.max(...accuracies);
}

/** The training objective of a run's last epoch; null: it diverged. */
export function lastObjective({ steps, end }: FinishedRun): number | null {
  const objective = steps.at(-1)?.['objective'];
  return end.reason !== 'diverged' && finite(objective) ? objective : null;
}

/** How good a run is: more is better. One that diverged is worse than all that did not. */
function scoreOf(run: FinishedRun, criterion: Criterion): number {
  if (criterion === 'objective') {
    return -(lastObjective(run) ?? Infinity);
  }
  return (bestValidation(run) ?? -1) - (run.end.reason === 'diverged' ? 2 : 0);
}

/** A search with the best of its trials; of equals the first. */
export interface Chosen {
  readonly search: Search;
  readonly trials: readonly FinishedRun[];
  readonly best: FinishedRun;
  readonly score: number;
}

/** @throws Error where a trial is not among the runs. */
export function choose(search: Search, runs: readonly FinishedRun[], criterion: Criterion): Chosen {
  const trials = trialsOf(search).map((specification) => {
    const id = runId(specification);
    const run = runs.find((each) => each.id === id);
    if (run === undefined) {
      throw new Error(`There is no run ${id}.`);
    }
    return run;
  });
  const best = trials.reduce((first, other) =>
    scoreOf(other, criterion) > scoreOf(first, criterion) ? other : first,
  );
  return { search, trials, best, score: scoreOf(best, criterion) };
}

/** The best of those searches of a task and a loss that then have more seeds; of equals the first. */
function bestOfGroup(chosen: readonly Chosen[], { task, loss }: Search): Chosen | undefined {
  return chosen
    .filter(({ search }) => search.seedsIfBest !== undefined)
    .filter(({ search }) => search.task === task && search.loss === loss)
    .reduce<Chosen | undefined>(
      (best, other) => (best === undefined || other.score > best.score ? other : best),
      undefined,
    );
}

/** The final runs of chosen settings, by the searches. */
export function finalsOf(chosen: readonly Chosen[]): TrainingRunSpecification[][] {
  return chosen.map((each) => {
    const { search, best } = each;
    const { seeds, seedsIfBest = seeds, final } = search;
    const count = bestOfGroup(chosen, search) === each ? seedsIfBest : seeds;
    const { method, hyperParameters, training } = best.header.configuration;
    return Array.from({ length: count }, (_, index) =>
      specifyTraining({
        method,
        hyperParameters,
        training: { ...training!, ...final },
        seed: index + 1,
      }),
    );
  });
}
