import * as tf from '@tensorflow/tfjs-node';
import type { Communicator, EngineName, StepReport } from 'tfjs-alig';

import type { Run, RunState, StateValue, StepOutcome, StepRecord } from '../runner/experiment.js';
import { makeTensors, readTensors, restoreOptimizer, saveOptimizer } from '../runner/tensors.js';
import {
  endsEpoch,
  epochOf,
  placesAfter,
  placesOf,
  type Batch,
  type BatchCounts,
} from './batches.js';
import { RateOfEpochs, type ScheduleSettings } from './learning-rate.js';
import type { BatchStream } from './prepared-batches.js';
import { randomOf } from './random-order.js';
import { DivergenceError, takeStep, type TrainingOptimizer } from './step.js';
import type { Task } from './task.js';

/** Sums over the steps of an epoch so far. */
export interface EpochSums {
  readonly steps: number;
  readonly examples: number;
  /** Of the examples' losses, each before its step. */
  readonly loss: number;
  /** Steps whose size was the maximal learning rate, or whose gradients were clipped. */
  readonly clipped: number;
  /** Of the steps, without validation and test. */
  readonly seconds: number;
  /** Of these: until batches were there. */
  readonly waited: number;
}

const noSums: EpochSums = { steps: 0, examples: 0, loss: 0, clipped: 0, seconds: 0, waited: 0 };

/** Mean loss and share of right answers over a set of examples. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy: number;
}

/** The epoch whose weights were tested, and what that gave. */
export interface TestResult extends Evaluation {
  readonly epoch: number;
}

/** An epoch that has ended. */
export interface EndedEpoch {
  readonly epoch: number;
  /** The last one. */
  readonly step: number;
  readonly sums: EpochSums;
  /** Of all steps so far, without validation and test. */
  readonly seconds: number;
  /** The mean loss of the epoch's examples, each before its step, in train mode. */
  readonly loss: number;
  /** The loss and, where weights decay, weightDecay / 2 times their squared norm. */
  readonly objective: number;
  /** null: there is no validation set. */
  readonly validation: Evaluation | null;
  /** Of the weights of the best epoch, after the last one; else null. */
  readonly test: TestResult | null;
}

/** What a step of a training did. */
export interface TrainingStep extends StepOutcome {
  /** Counted from 1. */
  readonly step: number;
  readonly epoch: number;
  /** null: it could not be taken, and the run ends. */
  readonly report: StepReport | null;
  /** Of the epoch up to this step. */
  readonly sums: EpochSums;
  /** Of all steps so far, without validation and test. */
  readonly seconds: number;
  /** null: other steps of the epoch follow. */
  readonly ended: EndedEpoch | null;
}

/** What a training is made of. Task, optimiser and batches are disposed of with the run. */
export interface TrainingOptions<Content extends Batch> {
  readonly task: Task<Content>;
  readonly optimizer: TrainingOptimizer;
  readonly batches: BatchStream<Content>;
  readonly counts: BatchCounts;
  readonly seed: number;
  /** Default: the learning rate stays. */
  readonly schedule?: ScheduleSettings;
  /** That the optimiser has, for the objective. Default: 0. */
  readonly weightDecay?: number;
  /** The ranks that share each batch, which the optimiser has too. Default: this process has it alone. */
  readonly communicator?: Communicator | null;
  /** What a grid's log says of an epoch, and of its last step. Default: nothing. */
  readonly record?: (ended: EndedEpoch, report: StepReport) => StepRecord;
}

/** The weights of the epoch with the best validation accuracy so far. */
interface BestEpoch {
  readonly epoch: number;
  readonly accuracy: number;
  /** Variables and statistics. */
  readonly tensors: StateValue;
}

function assignAll(variables: readonly tf.Variable[], saved: StateValue): void {
  for (const { name, tensor } of makeTensors(saved)) {
    variables[Number(name)]!.assign(tensor);
    tensor.dispose();
  }
}

/**
 * The training of a network: epochs of mini-batches, validation after each epoch, and at the end one
 * test with the weights (and running statistics) of the epoch with the best validation accuracy. What
 * a step draws depends on the seed and its number alone, so that a checkpoint inside an epoch holds
 * the number of steps, tensors and sums, and no generators.
 */
export class TrainingRun<Content extends Batch = Batch> implements Run {
  readonly #options: TrainingOptions<Content>;
  readonly #rate: RateOfEpochs | null;
  /** Variables and statistics, by their places the names of saved tensors. */
  readonly #tensors: readonly tf.Variable[];
  #step = 0;
  #hasBegun = false;
  #engine: EngineName | null = null;
  #sums = noSums;
  #seconds = 0;
  #best: BestEpoch | null = null;

  constructor(options: TrainingOptions<Content>) {
    const { task, schedule } = options;
    this.#options = options;
    this.#rate = schedule === undefined ? null : new RateOfEpochs(schedule);
    this.#tensors = [...task.variables, ...task.statistics];
  }

  /** Steps of the run, if it does not end earlier. */
  get steps(): number {
    return this.#options.counts.steps;
  }

  async step(): Promise<TrainingStep> {
    const { task, optimizer, batches, counts, seed, record, communicator } = this.#options;
    const start = performance.now();
    if (!this.#hasBegun) {
      batches.begin(placesAfter(this.#step, counts));
      this.#hasBegun = true;
    }
    const batch = await batches.next();
    const waited = performance.now() - start;
    this.#step += 1;
    const step = this.#step;
    const epoch = epochOf(step, counts);
    this.#rate?.set(optimizer, epoch);
    // What a layer draws is another thing on each rank, as it is for each example.
    const part = communicator ? `/rank/${communicator.rank}` : '';
    let report: StepReport;
    try {
      report = takeStep(optimizer, task.variables, () =>
        task.loss(batch, randomOf(`${seed}/step/${step}${part}`)),
      );
    } catch (error) {
      if (error instanceof DivergenceError) {
        return this.#diverge(error.message);
      }
      throw error;
    }
    this.#engine = report.engine;
    const seconds = (performance.now() - start) / 1000;
    this.#seconds += seconds;
    const before = this.#sums;
    const examples = batch.batchSize * (communicator?.size ?? 1);
    const sums: EpochSums = {
      steps: before.steps + 1,
      examples: before.examples + examples,
      loss: before.loss + examples * report.loss,
      clipped: before.clipped + Number(report.clipped),
      seconds: before.seconds + seconds,
      waited: before.waited + waited / 1000,
    };
    this.#sums = sums;
    const ended = endsEpoch(step, counts) ? await this.#endEpoch(report) : null;
    return {
      step,
      epoch,
      report,
      sums,
      seconds: this.#seconds,
      ended,
      engine: this.#engine,
      record: ended === null ? null : (record?.(ended, report) ?? null),
    };
  }

  async #endEpoch({ parameterNorm }: StepReport): Promise<EndedEpoch> {
    const { counts, weightDecay = 0 } = this.#options;
    const step = this.#step;
    const epoch = epochOf(step, counts);
    const sums = this.#sums;
    this.#sums = noSums;
    const loss = sums.loss / sums.examples;
    const validation = await this.#evaluate(counts.validation);
    if (validation !== null) {
      this.#rate?.update(validation.accuracy);
      await this.#keepIfBest(epoch, validation);
    }
    return {
      epoch,
      step,
      sums,
      seconds: this.#seconds,
      loss,
      objective: loss + (weightDecay / 2) * parameterNorm ** 2,
      validation,
      test: step === counts.steps ? await this.#test() : null,
    };
  }

  async #keepIfBest(epoch: number, { accuracy }: Evaluation): Promise<void> {
    const isWanted = this.#options.counts.test > 0;
    if (isWanted && (this.#best === null || accuracy > this.#best.accuracy)) {
      this.#best = { epoch, accuracy, tensors: await this.#saveTensors() };
    }
  }

  /** Takes the next batches of the stream, which are those of a set, and tests them. */
  async #evaluate(batchCount: number): Promise<Evaluation | null> {
    const { task, batches } = this.#options;
    if (batchCount === 0 || task.evaluate === undefined) {
      return null;
    }
    let [examples, loss, right] = [0, 0, 0];
    for (let index = 0; index < batchCount; index++) {
      const batch = await batches.next();
      if (batch.batchSize === 0) continue;
      const evaluated = task.evaluate(batch);
      examples += batch.batchSize;
      loss += evaluated.loss;
      right += evaluated.right;
    }
    const sums = Float64Array.of(examples, loss, right);
    await this.#options.communicator?.sum(sums);
    return { loss: sums[1]! / sums[0]!, accuracy: sums[2]! / sums[0]! };
  }

  /** Tests the best epoch; null where no epoch has been validated. */
  async #test(): Promise<TestResult | null> {
    if (this.#best === null) {
      return null;
    }
    const { epoch, tensors } = this.#best;
    assignAll(this.#tensors, tensors);
    const evaluation = await this.#evaluate(this.#options.counts.test);
    return evaluation === null ? null : { epoch, ...evaluation };
  }

  /** Ends the run; what it had reached before is tested all the same. */
  async #diverge(problem: string): Promise<TrainingStep> {
    const { batches, counts } = this.#options;
    const epoch = epochOf(this.#step, counts);
    batches.begin(placesOf('test', epoch, counts));
    const test = await this.#test();
    return {
      step: this.#step,
      epoch,
      report: null,
      sums: this.#sums,
      seconds: this.#seconds,
      ended: null,
      engine: this.#engine,
      record: {
        problem,
        ...(test && { bestEpoch: test.epoch, testLoss: test.loss, testAccuracy: test.accuracy }),
      },
      end: 'diverged',
    };
  }

  #saveTensors(): Promise<StateValue> {
    return readTensors(this.#tensors.map((tensor, index) => ({ name: String(index), tensor })));
  }

  async save() {
    return {
      step: this.#step,
      engine: this.#engine,
      sums: { ...this.#sums },
      seconds: this.#seconds,
      tensors: await this.#saveTensors(),
      optimizer: await saveOptimizer(this.#options.optimizer),
      rate: this.#rate?.save() ?? null,
      best: this.#best === null ? null : { ...this.#best },
    };
  }

  async restore(state: RunState): Promise<void> {
    const saved = state as Awaited<ReturnType<TrainingRun['save']>>;
    this.#step = saved.step;
    this.#hasBegun = false;
    this.#engine = saved.engine;
    this.#sums = { ...saved.sums };
    this.#seconds = saved.seconds;
    assignAll(this.#tensors, saved.tensors);
    await restoreOptimizer(this.#options.optimizer, saved.optimizer);
    this.#rate?.restore(saved.rate);
    this.#best = saved.best;
  }

  dispose(): void {
    const { task, optimizer, batches } = this.#options;
    batches.dispose();
    optimizer.dispose();
    task.dispose();
  }
}
