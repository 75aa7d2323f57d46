import { NonFiniteError } from '../rules/non-finite.js';
import { wasWritten } from '../rules/report.js';
import { checkChoice } from '../options/choice.js';
import { shown } from '../values/shown.js';

/** What becomes of a step that met a number that is not finite. */
export interface RefusedStepOptions {
  /**
   * What to do with a step that is refused because its loss, a gradient or its step size is not
   * finite: 'throw' a NonFiniteError, or 'skip' the step, so that `model.fit` goes on with the next
   * batch. `lastStep.status` and `skippedSteps` tell of it, and the first one is warned of. Default:
   * 'throw'.
   */
  onNonFinite?: 'throw' | 'skip';
  /**
   * How many steps in a row may be skipped: the error of the next one is thrown. A whole number from
   * 0. Of 'skip' alone. Default: 10.
   */
  maxSkippedSteps?: number;
}

export const refusedStepDefaults: Required<RefusedStepOptions> = {
  onNonFinite: 'throw',
  maxSkippedSteps: 10,
};

/** Those options that are not the default: a saved optimiser that leaves them alone names none. */
export function savedRefusedSteps(
  options: Required<RefusedStepOptions>,
): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([name, value]) => value !== refusedStepDefaults[name as keyof RefusedStepOptions],
    ),
  );
}

/** Whether a step ended with this error before it wrote anything. */
export function wasRefused(error: unknown): error is NonFiniteError {
  return error instanceof NonFiniteError && !wasWritten(error.report);
}

/** Counts refused steps, and says whether one is to be skipped. */
export class RefusedSteps {
  /** Whether refused steps are skipped at all. */
  readonly skips: boolean;
  private readonly most: number;
  /** In a row. */
  private row = 0;
  private total = 0;

  /** @throws RangeError for a value out of range. */
  constructor(
    private readonly owner: string,
    { onNonFinite, maxSkippedSteps }: Required<RefusedStepOptions>,
  ) {
    this.skips = checkChoice(owner, 'onNonFinite', onNonFinite, ['throw', 'skip']) === 'skip';
    if (!Number.isSafeInteger(maxSkippedSteps) || maxSkippedSteps < 0) {
      throw new RangeError(
        `${owner}: maxSkippedSteps must be a whole number from 0, not ${shown(maxSkippedSteps)}.`,
      );
    }
    this.most = maxSkippedSteps;
  }

  /** The number of steps that were skipped. */
  get skipped(): number {
    return this.total;
  }

  /** A step was taken. */
  taken(): void {
    this.row = 0;
  }

  /** Whether the step that ended with this error is skipped; counts and warns of it then. */
  skip(error: unknown): boolean {
    if (!this.skips || !wasRefused(error)) return false;
    if (this.row === this.most) {
      error.message += ` ${this.most} steps before it were skipped (maxSkippedSteps).`;
      return false;
    }
    if (this.total === 0) {
      console.warn(
        `${this.owner}: a step is skipped (onNonFinite: 'skip'); skippedSteps counts them. ${error.message}`,
      );
    }
    this.row++;
    this.total++;
    return true;
  }
}
