import { NonFiniteError } from '../rules/non-finite.js';
import { wasWritten } from '../rules/report.js';
import { choiceOption, numberOption, type Values } from '../options/option.js';

const options = {
  /**
   * What to do with a step that is refused because its loss, a gradient or its step size is not
   * finite: 'throw' a NonFiniteError, or 'skip' the step, so that `model.fit` goes on with the next
   * batch. `lastStep.status` and `skippedSteps` tell of it, and the first one is warned of. Default:
   * 'throw'.
   */
  onNonFinite: choiceOption(['throw', 'skip'], {
    default: 'throw',
    meaning: 'what to do with a step whose loss, gradient or step size is not finite',
    label: 'not finite:',
  }),
  /**
   * How many steps in a row may be skipped: the error of the next one is thrown. A whole number from
   * 0. Of 'skip' alone. Default: 10.
   */
  maxSkippedSteps: numberOption(
    { atLeast: 0, whole: true },
    {
      default: 10,
      meaning: 'how many steps in a row may be skipped before the error is thrown',
    },
  ),
};

type Declared = typeof options;

/** What becomes of a step that met a number that is not finite. */
// Has a name for the declaration files.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface RefusedStepOptions extends Declared {}

export const refusedStepOptions: RefusedStepOptions = options;

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

  constructor(
    private readonly owner: string,
    { onNonFinite, maxSkippedSteps }: Values<RefusedStepOptions>,
  ) {
    this.skips = onNonFinite === 'skip';
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
