import { closeSync, openSync, writeSync } from 'node:fs';

import type { StepReport } from 'tfjs-alig';

import type { MnistSettings } from './settings.js';
import type { EpochEvent, StepEvent } from './train.js';

/** First line of the log: all that the numbers after it depend on. */
export interface RunRecord {
  readonly type: 'run';
  readonly configuration: MnistSettings;
  readonly versions: Readonly<Record<'tfjs-alig' | 'tfjs-node' | 'tensorflow' | 'node', string>>;
  readonly machine: { readonly processor: string; readonly logicalProcessors: number };
  /** Environment variables that are set and that TensorFlow's numbers depend on. */
  readonly environment: Readonly<Record<string, string>>;
  readonly engine: StepReport['engine'];
}

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

/** A file of JSON lines. Every line is on disk when `write` returns, so a broken run keeps its log. */
export class RunLog {
  readonly #file: number;

  /** Makes the file; one that is there already is an error, because it is another run's. */
  constructor(path: string) {
    this.#file = openSync(path, 'wx');
  }

  write(record: LogRecord): void {
    writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
