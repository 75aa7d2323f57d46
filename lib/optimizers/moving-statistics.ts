import { clone, dispose, engine, keep, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { replaceValue } from '../engines/engine.js';
import { isGone, isOnCurrentBackend } from '../step/checks.js';

/**
 * What the function that computes a loss may change beside what it is differentiated by: the
 * variables that are not trainable, above all the moving statistics of batch normalisation, which
 * takes a batch into them before anybody knows that its loss is NaN. One such batch would make every
 * prediction NaN from then on.
 */
export class MovingStatistics {
  private readonly values: readonly { readonly variable: Variable; readonly value: Tensor }[];

  /** Remembers them as they are now; to be ended by {@link restore} or {@link dispose}. */
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
