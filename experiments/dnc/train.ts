import * as tf from '@tensorflow/tfjs-node';
import { NonFiniteError, type StepReport } from 'tfjs-alig';

import { FastSequence } from './fast-sequence.js';
import type { DncOptimizer } from './optimizers.js';
import { createParameters, type DncVariables } from './parameters.js';
import {
  drawBatch,
  publishedTask,
  type RepeatCopySizes,
  type SequenceBatch,
} from './repeat-copy.js';
import { meanSteps } from './settings.js';
import { type DncSizes, publishedSizes } from './sizes.js';

/** A step has been taken. */
export interface StepEvent {
  readonly type: 'step';
  /** Counted from 1. */
  readonly step: number;
  /** Of this step's batch, before the step. */
  readonly loss: number;
  /** Norm of all gradients together, before it is clipped. */
  readonly gradientNorm: number;
  readonly report: StepReport;
  /** Time since the training's start. */
  readonly seconds: number;
}

/** So many steps have been taken that their losses' mean is recorded. */
export interface MeanEvent {
  readonly type: 'mean';
  /** The last of the steps. */
  readonly step: number;
  /** How many steps there are in the mean; fewer than usual only at the end. */
  readonly steps: number;
  readonly loss: number;
  readonly seconds: number;
}

/** The training has ended early. */
export interface DivergenceEvent {
  readonly type: 'diverged';
  /** The step that could not be taken. */
  readonly step: number;
  readonly reason: string;
}

/** What happens in a training run, in order. */
export type TrainingEvent = StepEvent | MeanEvent | DivergenceEvent;

/** What a training run depends on beside the optimiser. */
export interface TrainingOptions {
  readonly steps: number;
  /** Determines the initial parameters and all batches. */
  readonly seed: number;
  /** Default: the paper's. */
  readonly sizes?: DncSizes;
  /** Default: the paper's. */
  readonly task?: RepeatCopySizes;
}

/** The batch of a step depends on the seed and the step alone. */
export function batchOfStep(task: RepeatCopySizes, seed: number, step: number): SequenceBatch {
  return drawBatch(task, `${seed}/batch/${step}`);
}

/** A loss, a gradient or a parameter was not finite. */
export class DivergenceError extends Error {
  override readonly name = 'DivergenceError';
}

/** What one step did. */
export type TakenStep = Pick<StepEvent, 'loss' | 'gradientNorm' | 'report'>;

/**
 * Takes one step.
 *
 * @throws DivergenceError where the loss, a gradient or a new parameter is not finite.
 */
export function takeStep(
  optimizer: DncOptimizer,
  sequence: FastSequence,
  parameters: DncVariables,
  batch: SequenceBatch,
): TakenStep {
  const { value, grads } = optimizer.computeGradients(
    () => sequence.loss(parameters, batch),
    Object.values(parameters),
  );
  try {
    // Optimisers that do not use the loss would take the step.
    const [loss] = value.dataSync();
    if (!Number.isFinite(loss)) throw new DivergenceError(`The loss is not finite: ${loss}.`);
    optimizer.applyGradients(grads, { loss: value });
  } catch (error) {
    if (error instanceof NonFiniteError) {
      throw new DivergenceError(error.message, { cause: error });
    }
    throw error;
  } finally {
    tf.dispose([value, grads]);
  }
  const report = optimizer.lastStep;
  if (report === null) {
    throw new Error('applyGradients returned, but the optimiser took no step.');
  }
  return { loss: report.loss, gradientNorm: report.gradientNorm, report };
}

/**
 * Trains a fresh differentiable neural computer on repeat copy and yields what happens. Leaving the
 * loop early is fine: the parameters are disposed of in any case. The optimiser stays the caller's.
 */
export function* trainDnc(
  optimizer: DncOptimizer,
  { steps, seed, sizes = publishedSizes, task = publishedTask }: TrainingOptions,
): Generator<TrainingEvent> {
  const parameters = createParameters(sizes, seed);
  const sequence = new FastSequence(sizes);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  let lossSum = 0;
  let inMean = 0;
  try {
    for (let step = 1; step <= steps; step++) {
      let taken: TakenStep;
      try {
        taken = takeStep(optimizer, sequence, parameters, batchOfStep(task, seed, step));
      } catch (error) {
        if (error instanceof DivergenceError) {
          yield { type: 'diverged', step, reason: error.message };
          return;
        }
        throw error;
      }
      yield { type: 'step', step, ...taken, seconds: seconds() };
      lossSum += taken.loss;
      inMean += 1;
      if (inMean === meanSteps || step === steps) {
        yield { type: 'mean', step, steps: inMean, loss: lossSum / inMean, seconds: seconds() };
        lossSum = 0;
        inMean = 0;
      }
    }
  } finally {
    tf.dispose(Object.values(parameters));
  }
}
