import type { StepReport } from 'tfjs-alig';

import type { RunRecord as GeneralRunRecord } from '../run/log.js';
import type { DncSettings } from './settings.js';
import type { DivergenceEvent, MeanEvent, StepEvent } from './train.js';

/**
 * First line of the log. The engine is ALI-G's, or tfjs, whose optimisers take their steps in tfjs
 * operations, or none, if the first step diverged.
 */
export type RunRecord = GeneralRunRecord<DncSettings, StepReport['engine'] | 'tfjs' | 'none'>;

/** A line of the log for every step. ALI-G alone has a step size. */
export type StepRecord = Pick<StepEvent, 'type' | 'step' | 'loss' | 'gradientNorm'> &
  Partial<Pick<StepReport, 'stepSize' | 'unclippedStepSize' | 'parameterNorm' | 'clipped'>>;

/** A line of the log. */
export type LogRecord = RunRecord | StepRecord | MeanEvent | DivergenceEvent;

/** The log's line for a step. */
export function stepRecord({ type, step, loss, gradientNorm, report }: StepEvent): StepRecord {
  if (report === null) {
    return { type, step, loss, gradientNorm };
  }
  const { stepSize, unclippedStepSize, parameterNorm, clipped } = report;
  return { type, step, loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm, clipped };
}
