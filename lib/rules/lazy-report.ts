import { NonFiniteError } from './non-finite.js';
import { wasWritten, type EngineName, type StepReport } from './report.js';
import { reportFields } from './result.js';

/** How a step ended on a device that may not have finished: to ask is to wait for it. */
export interface DeferredOutcome {
  /** The error of a step that met a number that is not finite; null: it went well. */
  readonly error: () => NonFiniteError | null;
  /** Whether reading the report has thrown that error. */
  readonly told: () => boolean;
  /** Sets what is called as soon as the outcome is known, with the error and the report. */
  readonly whenKnown: (
    listener: (error: NonFiniteError | null, report: StepReport) => void,
  ) => void;
  /** From now on the report of a step that was refused can be read, and throws nothing. */
  readonly letRead: () => void;
}

/**
 * A report that is read from the device when one of its fields is first looked at, so that no
 * device waits for a log line; that throws a NonFiniteError where the step met a number that is not
 * finite. Its fields are enumerable accessors: it can be spread, compared and written as JSON like
 * any other report.
 */
export function lazyReport(
  engine: EngineName,
  read: () => StepReport,
): { readonly report: StepReport; readonly outcome: DeferredOutcome } {
  let known: StepReport | undefined;
  let told = false;
  let canBeRead = false;
  let tell: ((error: NonFiniteError | null, report: StepReport) => void) | undefined;
  const error = () => {
    const isNew = !known;
    known ??= read();
    const { status } = known;
    const found = status === 'taken' ? null : new NonFiniteError({ ...known, status });
    if (isNew) tell?.(found, known);
    return found;
  };
  const report = { engine };
  for (const field of [...reportFields, 'belowLowerBound'] as const) {
    Object.defineProperty(report, field, {
      enumerable: true,
      get: () => {
        const thrown = error();
        if (!thrown || (canBeRead && !wasWritten(known!))) return known![field];
        told = true;
        throw thrown;
      },
    });
  }
  const outcome: DeferredOutcome = {
    error,
    told: () => told,
    whenKnown: (listener) => {
      tell = listener;
    },
    letRead: () => {
      canBeRead = true;
    },
  };
  return { report: report as StepReport, outcome };
}
