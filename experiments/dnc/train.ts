import * as tf from '@tensorflow/tfjs-node';
import type { StepReport } from 'tfjs-alig';

import { openBatches } from '../training/prepared-batches.js';
import type { TrainingOptimizer } from '../training/step.js';
import type { Task } from '../training/task.js';
import { TrainingRun, type EndedEpoch } from '../training/training-run.js';
import { FastSequence } from './fast-sequence.js';
import { createParameters } from './parameters.js';
import { publishedTask, repeatCopyBatches, type SequenceBatch } from './repeat-copy.js';
import { meanSteps } from './settings.js';
import { publishedSizes } from './sizes.js';

/** What a training run depends on beside the optimiser. */
export interface DncTraining {
  readonly steps: number;
  /** Determines the initial parameters and all batches. */
  readonly seed: number;
}

/** A differentiable neural computer of the paper's sizes with fresh parameters. */
export function dncTask(seed: number): Task<SequenceBatch> {
  const parameters = createParameters(publishedSizes, seed);
  const variables = Object.values(parameters);
  const sequence = new FastSequence(publishedSizes);
  return {
    variables,
    statistics: [],
    loss: (batch) => sequence.loss(parameters, batch),
    dispose() {
      tf.dispose(variables);
    },
  };
}

/** What a grid's log says of so many steps, and of the last of them. */
function summarise({ loss, sums }: EndedEpoch, last: StepReport) {
  return {
    meanLoss: loss,
    loss: last.loss,
    gradientNorm: last.gradientNorm,
    stepSize: last.stepSize,
    unclippedStepSize: last.unclippedStepSize,
    parameterNorm: last.parameterNorm,
    clippedSteps: sums.clipped,
  };
}

/**
 * Starts the training of a fresh differentiable neural computer on repeat copy. Its epochs are the
 * steps of a mean: there are no examples to pass through.
 *
 * @param optimizer Is disposed of with the run.
 */
export async function startDnc(
  optimizer: TrainingOptimizer,
  { steps, seed }: DncTraining,
): Promise<TrainingRun> {
  const source = repeatCopyBatches({ task: publishedTask, seed, stepsPerEpoch: meanSteps });
  return new TrainingRun({
    task: dncTask(seed),
    optimizer,
    // A batch takes 0.1 ms, which is less than another thread's costs to be fetched.
    batches: await openBatches<SequenceBatch>(source, { ahead: false }),
    counts: { steps, stepsPerEpoch: meanSteps, validation: 0, test: 0 },
    seed,
    record: summarise,
  });
}
