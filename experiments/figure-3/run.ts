import * as tf from '@tensorflow/tfjs-node';
import type { EngineName } from 'tfjs-alig';

import { FastSequence } from '../dnc/fast-sequence.js';
import type { DncOptimizer } from '../dnc/optimizers.js';
import { createParameters, type DncVariables } from '../dnc/parameters.js';
import { publishedTask } from '../dnc/repeat-copy.js';
import { meanSteps } from '../dnc/settings.js';
import { publishedSizes } from '../dnc/sizes.js';
import { batchOfStep, DivergenceError, type TakenStep, takeStep } from '../dnc/train.js';
import type { Run, RunSpecification, RunState, StepOutcome } from '../runner/experiment.js';
import { makeTensors, readTensors, restoreOptimizer, saveOptimizer } from '../runner/tensors.js';

/** What the log says of the steps since its last line. */
interface StepSums {
  steps: number;
  loss: number;
  /** Steps whose size was the maximal learning rate, or whose gradients were clipped. */
  clipped: number;
}

const noSteps: StepSums = { steps: 0, loss: 0, clipped: 0 };

/** The training of a differentiable neural computer, with a line in the log for every 100 steps. */
export class DncRun implements Run {
  readonly #specification: RunSpecification;
  readonly #optimizer: DncOptimizer;
  readonly #parameters: DncVariables;
  readonly #sequence = new FastSequence(publishedSizes);
  #step = 0;
  #engine: EngineName | null = null;
  #sums = { ...noSteps };

  constructor(specification: RunSpecification, optimizer: DncOptimizer) {
    this.#specification = specification;
    this.#optimizer = optimizer;
    this.#parameters = createParameters(publishedSizes, specification.seed);
  }

  step(): StepOutcome {
    const { seed, steps } = this.#specification;
    this.#step += 1;
    const batch = batchOfStep(publishedTask, seed, this.#step);
    let taken: TakenStep;
    try {
      taken = takeStep(this.#optimizer, this.#sequence, this.#parameters, batch);
    } catch (error) {
      if (error instanceof DivergenceError) {
        return { engine: this.#engine, record: { problem: error.message }, end: 'diverged' };
      }
      throw error;
    }
    this.#engine = taken.report.engine;
    this.#sums.steps += 1;
    this.#sums.loss += taken.loss;
    this.#sums.clipped += Number(taken.report.clipped);
    const isLogged = this.#step % meanSteps === 0 || this.#step === steps;
    return { engine: this.#engine, record: isLogged ? this.#summarize(taken) : null };
  }

  #summarize({ loss, gradientNorm, report }: TakenStep) {
    const sums = this.#sums;
    this.#sums = { ...noSteps };
    return {
      meanLoss: sums.loss / sums.steps,
      loss,
      gradientNorm,
      stepSize: report.stepSize,
      unclippedStepSize: report.unclippedStepSize,
      parameterNorm: report.parameterNorm,
      clippedSteps: sums.clipped,
    };
  }

  async save() {
    return {
      step: this.#step,
      engine: this.#engine,
      sums: { ...this.#sums },
      parameters: await readTensors(
        Object.entries(this.#parameters).map(([name, tensor]) => ({ name, tensor })),
      ),
      optimizer: await saveOptimizer(this.#optimizer),
    };
  }

  async restore(state: RunState): Promise<void> {
    const saved = state as Awaited<ReturnType<DncRun['save']>>;
    this.#step = saved.step;
    this.#engine = saved.engine;
    this.#sums = { ...saved.sums };
    for (const { name, tensor } of makeTensors(saved.parameters)) {
      this.#parameters[name as keyof DncVariables].assign(tensor);
      tensor.dispose();
    }
    await restoreOptimizer(this.#optimizer, saved.optimizer);
  }

  dispose(): void {
    tf.dispose(Object.values(this.#parameters));
    this.#optimizer.dispose();
  }
}
