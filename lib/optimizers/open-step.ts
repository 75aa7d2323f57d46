import type { DeferredOutcome } from '../rules/lazy-report.js';
import type { RefusedSteps } from './refused-steps.js';

/** The last step, as long as its outcome may not be known: on webgl and webgpu the device answers later. */
export class OpenStep {
  private outcome: DeferredOutcome | null = null;

  constructor(private readonly refusedSteps: RefusedSteps) {}

  /** Whether there is one of which nobody has asked yet. */
  get exists(): boolean {
    return this.outcome !== null;
  }

  /** A step was made; null: its outcome is known. */
  replace(outcome: DeferredOutcome | null): void {
    this.outcome = outcome;
    if (this.refusedSteps.skips) outcome?.letRead();
  }

  /** Waits for the outcome; what is to be done then is done. */
  wait(): void {
    this.outcome?.error();
  }

  /** At the latest the next step says that the one before it was refused. */
  raise(): void {
    const { outcome } = this;
    if (!outcome) return;
    const error = outcome.error();
    this.outcome = null;
    if (error && !outcome.told() && !this.refusedSteps.skip(error)) throw error;
  }
}
