import { engine } from '@tensorflow/tfjs-core';
import { isOnCurrentBackend } from '../step/checks.js';
import { KeptVariables } from './kept-variables.js';

/**
 * What the function that computes a loss may change beside what it is differentiated by: the
 * variables that are not trainable, above all the moving statistics of batch normalisation, which
 * takes a batch into them before anybody knows that its loss is NaN. One such batch would make every
 * prediction NaN from then on.
 */
function movingStatistics(): KeptVariables {
  return new KeptVariables(
    Object.values(engine().registeredVariables).filter(
      (variable) =>
        !variable.trainable && variable.dtype === 'float32' && isOnCurrentBackend(variable),
    ),
  );
}

/** The moving statistics that a step brings back if it is refused. */
export class StatisticsOfStep {
  /** Null: nothing is known of them. */
  private before: KeptVariables | null = null;

  /** To be called before the loss is computed, and then one of the others. */
  remember(): void {
    this.before = movingStatistics();
  }

  restore(): void {
    this.before?.restore();
    this.forget();
  }

  forget(): void {
    this.before?.dispose();
    this.before = null;
  }

  /** Gives what is to be called when it is known whether the step was refused. */
  untilKnown(): (refused: boolean) => void {
    const { before } = this;
    this.before = null;
    return (refused) => {
      if (refused) before?.restore();
      before?.dispose();
      if (!refused || !this.before) return;
      // The loss of the next step has been computed meanwhile, and has gone on from bad statistics.
      this.before.dispose();
      this.before = movingStatistics();
    };
  }
}
