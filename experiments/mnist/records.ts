import { loggedReport, type LoggedReport } from '../training/log.js';
import type { DivergenceRecord, RunHeader, TakenStep } from '../training/single-run.js';
import type { EndedEpoch } from '../training/training-run.js';
import type { MnistSettings } from './settings.js';

/** First line of the log. */
export type RunRecord = RunHeader<MnistSettings>;

/** A line of the log for every step. */
export interface StepRecord extends LoggedReport {
  readonly type: 'step';
  /** Counted from 1 through all epochs. */
  readonly step: number;
  readonly epoch: number;
}

/** A line of the log for every epoch, after which the network is tested. */
export interface EpochRecord {
  readonly type: 'epoch';
  readonly epoch: number;
  readonly trainingLoss: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** Time of the training, without the test. */
  readonly seconds: number;
  readonly examplesPerSecond: number;
  /** Of the seconds: until batches were there. */
  readonly waited: number;
}

/** A line of the log. */
export type LogRecord = RunRecord | StepRecord | EpochRecord | DivergenceRecord;

/** The log's line for a step. */
export function stepRecord({ step, epoch, report }: TakenStep): StepRecord {
  return { type: 'step', step, epoch, ...loggedReport(report) };
}

/** The log's line for an epoch. */
export function epochRecord({ epoch, loss, validation, sums }: EndedEpoch): EpochRecord {
  const { seconds, examples, waited } = sums;
  return {
    type: 'epoch',
    epoch,
    trainingLoss: loss,
    testLoss: validation!.loss,
    testAccuracy: validation!.accuracy,
    seconds,
    examplesPerSecond: examples / seconds,
    waited,
  };
}
