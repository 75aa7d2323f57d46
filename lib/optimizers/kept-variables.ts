import { clone, dispose, keep, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { isGone } from '../step/checks.js';

/**
 * The values of variables as they are at construction. They are brought back bit for bit: a clone
 * shares the buffer, which nothing writes into (assign swaps buffers).
 */
export class KeptVariables {
  private readonly values: readonly { readonly variable: Variable; readonly value: Tensor }[];

  constructor(variables: readonly Variable[]) {
    this.values = variables.map((variable) => ({ variable, value: keep(clone(variable)) }));
  }

  /** Brings back those that have changed since. */
  restore(): void {
    for (const { variable, value } of this.values) {
      if (!isGone(variable) && variable.dataId !== value.dataId) variable.assign(value);
    }
  }

  /** Forgets the values. */
  dispose(): void {
    dispose(this.values.map(({ value }) => value));
  }
}
