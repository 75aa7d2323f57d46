import { loggedReport, type LoggedReport } from '../training/log.js';
import type { DivergenceRecord, RunHeader, TakenStep } from '../training/single-run.js';
import type { EndedEpoch } from '../training/training-run.js';
import type { DncSettings } from './settings.js';

/** First line of the log. */
export type RunRecord = RunHeader<DncSettings>;

/** A line of the log for every step. */
export interface StepRecord extends LoggedReport {
  readonly type: 'step';
  /** Counted from 1. */
  readonly step: number;
}

/** A line of the log for so many steps that their losses' mean is recorded. */
export interface MeanRecord {
  readonly type: 'mean';
  /** The last of the steps. */
  readonly step: number;
  /** How many steps there are in the mean; fewer than usual only at the end. */
  readonly steps: number;
  readonly loss: number;
  /** Since the training's start. */
  readonly seconds: number;
  /** Of the seconds of these steps: until batches were there. */
  readonly waited: number;
}

/** A line of the log. */
export type LogRecord = RunRecord | StepRecord | MeanRecord | DivergenceRecord;

/** The log's line for a step. */
export function stepRecord({ step, report }: TakenStep): StepRecord {
  return { type: 'step', step, ...loggedReport(report) };
}

/** The log's line for the steps of a mean. */
export function meanRecord({ step, loss, seconds, sums }: EndedEpoch): MeanRecord {
  const { steps, waited } = sums;
  return { type: 'mean', step, steps, loss, seconds, waited };
}
