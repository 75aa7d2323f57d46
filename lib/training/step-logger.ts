import type { StepReport } from '../rules/report.js';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';
import { fitCallback } from './fit-callback.js';

const owner = 'stepLogger';

/** What is looked at of an optimiser such as AliG. */
export interface StepReporter {
  /** Undefined: an AccumulatingOptimizer around one that has none. */
  readonly lastStep: StepReport | null | undefined;
  readonly iterations: number;
}

/** What is called of the writer that `tf.node.summaryFileWriter(folder)` of tfjs-node gives. */
export interface SummaryWriter {
  scalar(name: string, value: number, step: number): void;
  flush(): void;
}

/** Options of {@link stepLogger}. */
export interface StepLoggerOptions {
  /**
   * `tf.node.summaryFileWriter(folder)` of tfjs-node, which is then given each step as scalars named
   * step/loss, step/stepSize, step/unclippedStepSize (where it is finite), step/gradientNorm,
   * step/parameterNorm, step/clipped and step/projected (0 or 1), over the optimiser's iterations.
   * Null: none. Default: null.
   */
  tensorBoard?: SummaryWriter | null;
}

/** The numbers of tfjs-layers by name. */
type Logs = Record<string, number>;

/** What model.fit takes as `callbacks` and tf.CustomCallback as its argument. */
export interface StepLogger {
  readonly onTrainBegin: () => void;
  readonly onBatchBegin: () => void;
  readonly onEpochEnd: (epoch: number, logs?: Logs) => void;
  readonly onTrainEnd: () => void;
}

/** Whether a report is still to be read from the device: lazy reports have accessors. */
export function isOpen(report: StepReport): boolean {
  return Object.getOwnPropertyDescriptor(report, 'status')?.get !== undefined;
}

/**
 * A callback for model.fit and fitDataset that puts what the optimiser's steps did in an epoch into
 * its `logs`, and so into the history and what other callbacks show:
 * - `stepSize`, `gradientNorm`, `parameterNorm`: means over the steps of the epoch,
 * - `clippedShare`, `projectedShare`: the shares, 0 to 1, of steps whose step size was clipped at the
 *   maximal learning rate, and of steps after which the parameters were projected.
 *
 *     await model.fit(inputs, labels, {callbacks: stepLogger(optimizer)});
 *
 * Callbacks see what callbacks before them have put into the logs: put it first.
 *
 *     callbacks: [stepLogger(optimizer), tf.node.tensorBoard(folder)]
 *
 * In a browser, where it is a plain object, a list with callbacks of tfjs-layers needs it as
 * `new tf.CustomCallback(stepLogger(optimizer))`.
 *
 * No device is waited for in an epoch: reports that it answers later (webgl, webgpu) are kept, and
 * read at the epoch's end.
 *
 * @param optimizer An optimiser with `lastStep`, such as AliG: the one that the model is compiled with.
 * @throws TypeError for an optimiser without `lastStep`, an unknown option or no summary writer. At
 * the end of an epoch: Error where it had batches and the optimiser made no step, NonFiniteError where a device
 * tells only then that a step met a number that is not finite.
 */
export function stepLogger(optimizer: StepReporter, options: StepLoggerOptions = {}): StepLogger {
  if (
    typeof optimizer !== 'object' ||
    (optimizer as unknown) === null ||
    !('lastStep' in optimizer)
  ) {
    throw new TypeError(
      `${owner}: optimizer must be one that reports its steps as lastStep, such as AliG, not ` +
        `${shown(optimizer)}.`,
    );
  }
  const { tensorBoard = null } = options;
  checkOptionNames(owner, options, ['tensorBoard']);
  if (
    tensorBoard !== null &&
    typeof (tensorBoard as Partial<SummaryWriter>).scalar !== 'function'
  ) {
    throw new TypeError(
      `${owner}: tensorBoard must be a writer from tf.node.summaryFileWriter(folder), or null, not ` +
        `${shown(tensorBoard)}.`,
    );
  }

  let seen: StepReport | null | undefined = null;
  let open: StepReport[] = [];
  let iteration = 0;
  let steps = 0;
  // In this epoch: batches that were begun, and reports of steps, also of those that were refused.
  let batches = 0;
  let reports = 0;
  let sums: Logs = {};

  const startEpoch = () => {
    open = [];
    steps = 0;
    batches = 0;
    reports = 0;
    sums = { stepSize: 0, gradientNorm: 0, parameterNorm: 0, clippedShare: 0, projectedShare: 0 };
  };

  const count = (report: StepReport) => {
    if (report.status !== 'taken') return;
    const { loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm } = report;
    const [clipped, projected] = [Number(report.clipped), Number(report.projected)];
    const numbers = { stepSize, gradientNorm, parameterNorm };
    steps++;
    iteration++;
    for (const [name, value] of Object.entries({
      ...numbers,
      clippedShare: clipped,
      projectedShare: projected,
    })) {
      sums[name]! += value;
    }
    for (const [name, value] of Object.entries({
      loss,
      ...numbers,
      unclippedStepSize,
      clipped,
      projected,
    })) {
      if (value !== null) tensorBoard?.scalar(`step/${name}`, value, iteration);
    }
  };

  const look = () => {
    const report = optimizer.lastStep;
    if (!report || report === seen) return;
    seen = report;
    reports++;
    if (open.length > 0 || isOpen(report)) open.push(report);
    else count(report);
  };

  return fitCallback({
    onTrainBegin() {
      seen = optimizer.lastStep;
      iteration = optimizer.iterations;
      startEpoch();
    },
    // Not onBatchEnd: before that tfjs-layers waits for the loss of the batch.
    onBatchBegin() {
      look();
      batches++;
    },
    onEpochEnd(_epoch: number, logs?: Logs) {
      look();
      open.forEach(count);
      if (batches > 0 && reports === 0) {
        throw new Error(
          `${owner}: the optimiser made no step in this epoch; give the one that the model is ` +
            'compiled with (model.optimizer).',
        );
      }
      // Where the data ran out there was no batch; all steps may have been skipped.
      if (logs && steps > 0) {
        for (const [name, sum] of Object.entries(sums)) logs[name] = sum / steps;
      }
      startEpoch();
      tensorBoard?.flush();
    },
    onTrainEnd() {
      tensorBoard?.flush();
    },
  });
}
