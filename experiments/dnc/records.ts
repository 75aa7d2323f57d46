import type { StepReport } from 'tfjs-alig';

import type { RunRecord as GeneralRunRecord } from '../run/log.js';
import type { DncSettings } from './settings.js';
import type { DivergenceEvent, MeanEvent, StepEvent } from './train.js';

/** First line of the log. There is no engine if the first step diverged. */
export type RunRecord = GeneralRunRecord<DncSettings, StepReport['engine'] | 'none'>;

/** A line of the log for every step. */
export type StepRecord = Pick<StepEvent, 'type' | 'step' | 'loss' | 'gradientNorm'> &
  Pick<StepReport, 'stepSize' | 'unclippedStepSize' | 'parameterNorm' | 'clipped'>;

/** A line of the log. */
export type LogRecord = RunRecord | StepRecord | MeanEvent | DivergenceEvent;

/** The log's line for a step. */
export function stepRecord({ type, step, loss, gradientNorm, report }: StepEvent): StepRecord {
  const { stepSize, unclippedStepSize, parameterNorm, clipped } = report;
  return { type, step, loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm, clipped };
}
