import { momentumName } from '../contenders/list.js';
import type { TrainingResult, TrainingResults } from '../training/run.js';
import { digits, duration, grouped, machineText, percent, range, table } from './markdown.js';

function rows({ title, parameters, tensors, batchSize, optimizers: results }: TrainingResult) {
  const momentum = results.find(({ name }) => name === momentumName)!;
  return results.map((result, i) => [
    i === 0
      ? `${title}: ${grouped(parameters)} in ${tensors} tensors, batches of ${batchSize}`
      : '',
    result.name,
    duration(result.stepSummary.median),
    range(result.stepSummary),
    result.processors ? duration(result.processors.median) : '',
    result.optimizerSummary ? duration(result.optimizerSummary.median) : '',
    result.share ? percent(result.share.median) : '',
    digits(result.examplesPerSecond),
    digits(result.examplesPerSecond / momentum.examplesPerSecond),
  ]);
}

/** The optimiser's share of training steps. */
export function trainingSection({ machine, rounds, trainings }: TrainingResults): string {
  return [
    machineText(machine),
    `Medians over ${rounds.count} rounds; a step is a batch made of host arrays, forward and backward ` +
      'pass, the step and the loss read back.',
    table(
      [
        '',
        'optimiser',
        '>training step',
        '>range ms',
        '>of all processors',
        '>optimiser',
        '>share',
        '>examples/s',
        '>of momentum',
      ],
      trainings.flatMap(rows),
    ),
  ].join('\n\n');
}
