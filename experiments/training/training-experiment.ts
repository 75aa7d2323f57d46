import type { StepReport } from 'tfjs-alig';

import type { Experiment, RunSpecification } from '../runner/experiment.js';
import { countBatches } from './example-order.js';
import type { ScheduleSettings } from './learning-rate.js';
import { openBatches } from './prepared-batches.js';
import type { TrainingOptimizer } from './step.js';
import type { DataTask, TrainingRunSpecification } from './tasks.js';
import { TrainingRun, type EndedEpoch } from './training-run.js';

/** A row of a table: how a network is trained. */
export interface TrainingMethod {
  /** As a specification has it. */
  readonly name: string;
  /** As headings have it. */
  readonly title: string;
  readonly optimizer: (specification: TrainingRunSpecification) => TrainingOptimizer;
  /** Default, and null: the learning rate stays. */
  readonly schedule?: (specification: TrainingRunSpecification) => ScheduleSettings | null;
}

/** An experiment on networks: all but its data, networks, runs and report is the same for each. */
export interface TrainingExperiment extends Pick<Experiment, 'name' | 'followUp' | 'report'> {
  readonly tasks: readonly DataTask[];
  readonly methods: readonly TrainingMethod[];
  readonly grid: (quick: boolean, preset: string | null) => readonly TrainingRunSpecification[];
}

/** A run of a table, with the number of its steps. */
export function specifyTraining(
  specification: Omit<TrainingRunSpecification, 'steps'>,
): TrainingRunSpecification {
  const { epochs, examples, batchSize } = specification.training;
  return { ...specification, steps: epochs * Math.ceil(examples / batchSize) };
}

/** The log's line for an epoch. */
function epochRecord({ epoch, loss, objective, sums, ...ended }: EndedEpoch, last: StepReport) {
  const { validation, test } = ended;
  return {
    epoch,
    loss,
    objective,
    stepSize: last.stepSize,
    gradientNorm: last.gradientNorm,
    parameterNorm: last.parameterNorm,
    clippedSteps: sums.clipped,
    validationLoss: validation?.loss ?? null,
    validationAccuracy: validation?.accuracy ?? null,
    ...(test && { bestEpoch: test.epoch, testLoss: test.loss, testAccuracy: test.accuracy }),
    trainingSeconds: sums.seconds,
    waited: sums.waited,
  };
}

function isTraining(specification: RunSpecification): specification is TrainingRunSpecification {
  return specification.training !== undefined;
}

function named<Entry extends { readonly name: string }>(
  kind: string,
  entries: readonly Entry[],
  name: string,
): Entry {
  const found = entries.find((entry) => entry.name === name);
  if (found === undefined) {
    throw new Error(`There is no ${kind} ${name}.`);
  }
  return found;
}

/** An experiment that trains networks on data sets. */
export function trainingExperiment(definition: TrainingExperiment): Experiment {
  const { name, tasks, methods } = definition;
  return {
    ...definition,
    async checkData(runs, context) {
      const used = new Set(runs.map(({ training }) => training?.task));
      for (const task of tasks.filter((each) => used.has(each.name))) {
        await task.checkData(context);
      }
    },
    async start(specification, context) {
      if (!isTraining(specification)) {
        throw new TypeError(`A run of ${name} must say how it is trained.`);
      }
      const { training, hyperParameters, seed } = specification;
      const method = named('method', methods, specification.method);
      const { task, source, order } = await named('task', tasks, training.task).start(
        specification,
        context,
      );
      const schedule = method.schedule?.(specification);
      return new TrainingRun({
        task,
        optimizer: method.optimizer(specification),
        batches: await openBatches(source),
        counts: countBatches(order, training.epochs),
        seed,
        ...(schedule && { schedule }),
        weightDecay: Number(hyperParameters['weightDecay'] ?? 0),
        record: epochRecord,
      });
    },
  };
}
