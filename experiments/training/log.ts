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
