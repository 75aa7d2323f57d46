import { clone, dispose, engine, keep, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { replaceValue } from '../engines/engine.js';
import { isGone, isOnCurrentBackend } from '../step/checks.js';

/**
 * What the function that computes a loss may change beside what it is differentiated by: the
 * variables that are not trainable, above all the moving statistics of batch normalisation, which
 * takes a batch into them before anybody knows that its loss is NaN. One such batch would make every
 * prediction NaN from then on.
 */
class MovingStatistics {
  private readonly values: readonly { readonly variable: Variable; readonly value: Tensor }[];

  /** As they are now; to be ended by {@link restore} or {@link dispose}. */
  constructor() {
    // A clone shares the buffer, which nothing writes into: assign swaps buffers.
    this.values = Object.values(engine().registeredVariables)
      .filter(
        (variable) =>
          !variable.trainable && variable.dtype === 'float32' && isOnCurrentBackend(variable),
      )
      .map((variable) => ({ variable, value: keep(clone(variable)) }));
  }

  /** Brings back those that have changed since. */
  restore(): void {
    for (const { variable, value } of this.values) {
      if (isGone(variable) || variable.dataId === value.dataId) value.dispose();
      else replaceValue(variable, value);
    }
  }

  /** Forgets them. */
  dispose(): void {
    dispose(this.values.map(({ value }) => value));
  }
}

/** The moving statistics that a step brings back if it is refused. */
export class StatisticsOfStep {
  /** Null: nothing is known of them. */
  private before: MovingStatistics | null = null;

  /** To be called before the loss is computed, and then one of the others. */
  remember(): void {
    this.before = new MovingStatistics();
  }

  restore(): void {
    this.before?.restore();
    this.before = null;
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
      if (!refused) {
        before?.dispose();
        return;
      }
      before?.restore();
      if (!this.before) return;
      // The loss of the next step has been computed meanwhile, and has gone on from bad statistics.
      this.before.dispose();
      this.before = new MovingStatistics();
    };
  }
}
