import type { StepReport } from 'tfjs-alig';

import type { RunRecord as GeneralRunRecord } from '../run/log.js';
import type { MnistSettings } from './settings.js';
import type { EpochEvent, StepEvent } from './train.js';

/** First line of the log. */
export type RunRecord = GeneralRunRecord<MnistSettings, StepReport['engine']>;

/** A line of the log for every step. */
export interface StepRecord
  extends
    Pick<StepEvent, 'type' | 'step' | 'epoch'>,
    Pick<
      StepReport,
      'loss' | 'stepSize' | 'unclippedStepSize' | 'gradientNorm' | 'parameterNorm' | 'clipped'
    > {}

/** A line of the log. */
export type LogRecord = RunRecord | StepRecord | EpochEvent;

/** The log's line for a step. */
export function stepRecord({ type, step, epoch, report }: StepEvent): StepRecord {
  const { loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm, clipped } = report;
  return {
    type,
    step,
    epoch,
    loss,
    stepSize,
    unclippedStepSize,
    gradientNorm,
    parameterNorm,
    clipped,
  };
}
