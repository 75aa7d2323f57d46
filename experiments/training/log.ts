import { closeSync, openSync, writeSync } from 'node:fs';

import type { StepReport } from 'tfjs-alig';

/** What the log's line of a step says of its report. */
export type LoggedReport = Pick<
  StepReport,
  'loss' | 'stepSize' | 'unclippedStepSize' | 'gradientNorm' | 'parameterNorm' | 'clipped'
>;

/** Takes it out of the report. */
export function loggedReport(report: StepReport): LoggedReport {
  const { loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm, clipped } = report;
  return { loss, stepSize, unclippedStepSize, gradientNorm, parameterNorm, clipped };
}

/** A file of JSON lines. Every line is on disk when `write` returns, so a broken run keeps its log. */
export class RunLog<Entry extends { readonly type: string }> {
  readonly #file: number;

  /** Makes the file; one that is there already is an error, because it is another run's. */
  constructor(path: string) {
    this.#file = openSync(path, 'wx');
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
