import type { Optimizer, Scalar } from '@tensorflow/tfjs-core';
import { checkChoice } from '../options/choice.js';
import { checkOptionNames } from '../options/option-names.js';
import type { StepReport } from '../rules/report.js';
import { shown } from '../values/shown.js';
import { fitCallback } from './fit-callback.js';
import { PlateauDecay, setLearningRate, type LearningRateSchedule } from './learning-rate.js';

const owner = 'learningRateScheduler';

/** Options of {@link learningRateScheduler}: a schedule, a plateau, or both, which are multiplied. */
export interface LearningRateSchedulerOptions {
  /** The learning rate by the number of epochs, or steps, that are done: 0 at first. */
  schedule?: LearningRateSchedule;
  /** What the schedule counts. Default: 'epoch'. */
  by?: 'epoch' | 'step';
  /** Is given the value of `monitor` after each epoch. */
  plateau?: PlateauDecay;
  /** The name of the plateau's value in the logs, such as 'val_acc' or 'val_loss'. */
  monitor?: string;
}

/** What model.fit takes as `callbacks` and tf.CustomCallback as its argument. */
export interface LearningRateScheduler {
  readonly onTrainBegin: () => void;
  readonly onEpochBegin: (epoch: number) => void;
  readonly onBatchBegin: () => void;
  readonly onEpochEnd: (epoch: number, logs?: Record<string, number | Scalar>) => Promise<void>;
}

/**
 * Gives the number of steps that an optimiser has made. `iterations` of this package's optimisers waits
 * for a device (webgl, webgpu) to say whether it took the step, so reports are counted instead.
 */
function stepCounter(
  optimizer: Optimizer & { readonly lastStep?: StepReport | null },
): () => number {
  const start = optimizer.iterations;
  let seen = optimizer.lastStep;
  let steps = 0;
  return () => {
    const { lastStep } = optimizer;
    if (lastStep === undefined) return optimizer.iterations;
    if (lastStep !== seen) steps++;
    seen = lastStep;
    return start + steps;
  };
}

/**
 * A callback for model.fit and fitDataset that sets the learning rate ({@link setLearningRate}) before
 * each epoch or step, and puts it into the logs of the epoch, and so into the history, as `learningRate`:
 * that of its last step.
 *
 *     const schedule = warmUp({schedule: cosineDecay({learningRate: 0.1, over: 5000}), over: 500});
 *     await model.fit(inputs, labels, {
 *       epochs, callbacks: learningRateScheduler(optimizer, {schedule, by: 'step'}),
 *     });
 *
 * Epochs are those of fit (`initialEpoch` counts), steps go on from the optimiser's `iterations`: a
 * training that is resumed with its optimiser is where it was. A plateau's state is the caller's to
 * save (`getState`).
 *
 * @param optimizer The one that the model is compiled with.
 * @throws TypeError or RangeError for bad options. At the end of an epoch: Error where the logs have no
 * value of the name `monitor`.
 */
export function learningRateScheduler(
  optimizer: Optimizer,
  options: LearningRateSchedulerOptions,
): LearningRateScheduler {
  const given: unknown = options;
  checkOptionNames(owner, given, ['schedule', 'by', 'plateau', 'monitor']);
  const { schedule, by = 'epoch', plateau, monitor } = options;
  checkChoice(owner, 'by', by, ['epoch', 'step']);
  if (schedule !== undefined && typeof schedule !== 'function') {
    throw new TypeError(
      `${owner}: schedule must be a function of the epoch or step, such as cosineDecay({...}), not ` +
        `${shown(schedule)}.`,
    );
  }
  if (plateau !== undefined && !(plateau instanceof PlateauDecay)) {
    throw new TypeError(`${owner}: plateau must be a PlateauDecay, not ${shown(plateau)}.`);
  }
  if (!schedule && !plateau) {
    throw new TypeError(`${owner}: give a schedule, a plateau, or both; there is neither.`);
  }
  if ((plateau === undefined) !== (monitor === undefined)) {
    throw new TypeError(
      `${owner}: plateau and monitor, the name of its value in the logs such as 'val_acc', need each ` +
        `other; monitor is ${shown(monitor)}.`,
    );
  }
  let stepsDone = () => 0;
  let rate = 0;
  const set = (time: number) => {
    rate = (schedule?.(time) ?? 1) * (plateau?.learningRate ?? 1);
    setLearningRate(optimizer, rate);
  };
  return fitCallback({
    onTrainBegin() {
      stepsDone = stepCounter(optimizer);
    },
    onEpochBegin(epoch: number) {
      if (by === 'epoch') set(epoch);
    },
    onBatchBegin() {
      if (by === 'step') set(stepsDone());
    },
    async onEpochEnd(_epoch: number, logs?: Record<string, number | Scalar>) {
      if (plateau) {
        const value = logs?.[monitor!];
        if (value === undefined) {
          throw new Error(
            `${owner}: the logs of the epoch have no ${shown(monitor)}, which the plateau looks at; they ` +
              `have ${Object.keys(logs ?? {}).join(', ')}. Give fit validation data, or compile the ` +
              'model with the metric.',
          );
        }
        plateau.update(typeof value === 'number' ? value : (await value.data())[0]!);
      }
      if (logs) logs['learningRate'] = rate;
    },
  });
}
