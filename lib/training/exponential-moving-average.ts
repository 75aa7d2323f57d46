import {
  add,
  clone,
  dispose,
  keep,
  mul,
  sub,
  tidy,
  type NamedTensorMap,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { readState } from '../engines/engine.js';
import { checkTensor, checkVariable, isGone } from '../step/checks.js';
import { hostTensor } from '../engines/host-tensor.js';
import { isPromiseLike } from '../values/brands.js';
import { checkChoice } from '../options/choice.js';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';
import { checkNumber } from './checks.js';

const owner = 'ExponentialMovingAverage';

/** A tensor with its name, as optimisers' getWeights and setWeights exchange them. */
interface NamedTensor {
  name: string;
  tensor: NamedTensorMap[string];
}

/** Options of {@link ExponentialMovingAverage}. */
export interface ExponentialMovingAverageOptions {
  /** The weight of the old average in each update, from 0 up to but not including 1. Default: 0.999. */
  decay?: number;
  /**
   * Use min(decay, (1 + n) / (10 + n)) in update n (from 1), so that the initial weights are soon
   * forgotten: `num_updates` of TensorFlow's ExponentialMovingAverage. Default: false.
   */
  warmUp?: boolean;
  /**
   * What becomes of variables that are not trainable, as the moving statistics of batch normalisation,
   * where they are in the list: 'average' them as well, or 'copy' the present ones at each update, as
   * PyTorch's AveragedModel does with buffers. Default: 'average'.
   */
  statistics?: 'average' | 'copy';
}

interface Average {
  readonly variable: Variable;
  value: Tensor;
}

/** A copy with a buffer of its own: clone shares the buffer. */
function copied(value: Tensor): Tensor {
  return keep(tidy(() => mul(value, 1)));
}

/**
 * An exponential moving average of the weights: average = decay * average + (1 - decay) * weight,
 * starting at the weights at construction. Evaluated instead of the last weights it takes the noise
 * of the last steps out (Polyak and Juditsky; as tf.train.ExponentialMovingAverage of TensorFlow).
 *
 *     const average = new ExponentialMovingAverage(variables, {decay: 0.99});
 *     ...
 *     optimizer.minimize(f);
 *     average.update();                       // after each step
 *     ...
 *     const accuracy = average.withAverages(() => evaluate(model));
 *
 * The averages are tensors of their own: an update makes new ones and never writes into a buffer, and
 * none of them shares its buffer with a variable outside of {@link withAverages}. It takes 4 bytes a
 * parameter.
 */
export class ExponentialMovingAverage {
  private readonly decay: number;
  private readonly warmUp: boolean;
  private readonly copiesStatistics: boolean;
  private readonly averages: Average[];
  private count = 0;
  private swappedIn = false;
  private disposed = false;

  /**
   * @param variables The `tf.Variable`s to average, float32, on the current backend (`weight.read()` of a
   * layer gives one, which tfjs types as a tensor); one that is listed more than once, as where layers
   * share it, is one. Give the statistics of batch normalisation as well if they are to be swapped in too.
   * @throws TypeError for an unknown option or no list of variables, RangeError for a value out of
   * range, Error for a variable that is disposed.
   */
  constructor(variables: readonly Tensor[], options: ExponentialMovingAverageOptions = {}) {
    checkOptionNames(owner, options, ['decay', 'warmUp', 'statistics']);
    const { decay = 0.999, warmUp = false, statistics = 'average' } = options;
    checkNumber(
      owner,
      'decay',
      decay,
      'a number from 0 up to but not including 1',
      (value) => value >= 0 && value < 1,
    );
    if (typeof warmUp !== 'boolean') {
      throw new RangeError(`${owner}: warmUp must be true or false, not ${shown(warmUp)}.`);
    }
    if (!Array.isArray(variables) || variables.length === 0) {
      throw new TypeError(
        `${owner}: variables must be a list of at least one tf.Variable, not ` +
          `${Array.isArray(variables) ? 'an empty list' : shown(variables)}; of a model: ` +
          'model.trainableWeights.map((weight) => weight.read()).',
      );
    }
    variables.forEach((variable: unknown, i) => {
      checkVariable(() => `${owner}: variables[${i}]`, variable);
    });
    this.decay = decay;
    this.warmUp = warmUp;
    this.copiesStatistics =
      checkChoice(owner, 'statistics', statistics, ['average', 'copy']) === 'copy';
    this.averages = [...new Set(variables as readonly Variable[])].map((variable) => ({
      variable,
      value: copied(variable),
    }));
  }

  /** The number of updates. */
  get updates(): number {
    return this.count;
  }

  /**
   * Takes the present weights into the averages; call it after each step. Nothing is read from the
   * device.
   *
   * @throws Error inside of {@link withAverages}, and where a variable is disposed or on another
   * backend: nothing was changed then.
   */
  update(): void {
    this.assertUsable('update');
    this.checkVariables();
    const n = this.count + 1;
    const decay = this.warmUp ? Math.min(this.decay, (1 + n) / (10 + n)) : this.decay;
    for (const average of this.averages) {
      const { variable, value } = average;
      average.value =
        this.copiesStatistics && !variable.trainable
          ? copied(variable)
          : // In this form an average that equals its weight stays as it is.
            keep(tidy(() => add(value, mul(sub(variable, value), 1 - decay))));
      value.dispose();
    }
    this.count = n;
  }

  /**
   * Calls fn with the averages in place of the weights, and brings the weights back, also where fn
   * throws or its promise is rejected. What fn itself assigns to the variables is lost. No step may
   * be made meanwhile.
   *
   * @param fn Evaluates, saves or copies the model; may be asynchronous.
   * @returns What fn returned.
   * @throws Error inside of another withAverages, and what fn throws.
   */
  withAverages<Result>(fn: () => Result): Result {
    this.assertUsable('withAverages');
    if (typeof fn !== 'function') {
      throw new TypeError(`${owner}: withAverages takes a function, not ${shown(fn)}.`);
    }
    this.checkVariables();
    // A clone shares the buffer, which nothing writes into: assign swaps buffers.
    const weights = this.averages.map(({ variable }) => keep(clone(variable)));
    for (const { variable, value } of this.averages) variable.assign(value);
    this.swappedIn = true;
    const restore = () => {
      this.swappedIn = false;
      this.averages.forEach(({ variable }, i) => {
        if (!isGone(variable)) variable.assign(weights[i]!);
      });
      dispose(weights);
    };
    let result: Result;
    try {
      result = fn();
    } catch (error) {
      restore();
      throw error;
    }
    // A promise of another realm, or of a library, is no instance of Promise.
    if (isPromiseLike(result)) return Promise.resolve(result).finally(restore) as Result;
    restore();
    return result;
  }

  /**
   * The number of updates, then one average a variable, in order: copies of the moment of the
   * call, in host memory, which the garbage collector frees. {@link setWeights} takes them back.
   */
  async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable('getWeights', true);
    const { count } = this;
    // All reads begin before the first is waited for.
    const averages = this.averages.map(async ({ variable: { name }, value }) => ({
      name: `${name}/average`,
      tensor: hostTensor(await readState(value), value.shape),
    }));
    const updates = { name: 'updates', tensor: hostTensor(Int32Array.of(count), []) };
    return [updates, ...(await Promise.all(averages))];
  }

  /**
   * Takes over what {@link getWeights} gave; the tensors stay the caller's. They are matched to
   * variables by their order, with their shapes checked: names change from session to session.
   *
   * @throws RangeError or TypeError where number, shapes or dtypes do not fit: nothing was changed.
   */
  async setWeights(weights: readonly NamedTensor[]): Promise<void> {
    const [updates, ...saved] = weights;
    if (updates?.tensor.size !== 1 || saved.length !== this.averages.length) {
      throw new RangeError(
        `${owner}: setWeights takes what getWeights gave, the number of updates and one average for ` +
          `each of the ${this.averages.length} variables, but was given ${weights.length} tensors.`,
      );
    }
    const count = (await updates.tensor.data())[0]!;
    this.assertUsable('setWeights');
    saved.forEach(({ tensor }, i) => {
      const { name, shape } = this.averages[i]!.variable;
      checkTensor(() => `${owner}: saved average ${i} (for '${name}')`, tensor, shape);
    });
    this.averages.forEach((average, i) => {
      average.value.dispose();
      average.value = copied(saved[i]!.tensor);
    });
    this.count = count;
  }

  /** Frees the averages. It can't be used afterwards; repeating it does nothing. */
  dispose(): void {
    this.disposed = true;
    for (const { value } of this.averages) value.dispose();
  }

  private assertUsable(method: string, whileSwappedIn = false): void {
    if (this.disposed) throw new Error(`${owner}: it is disposed; make a new one.`);
    if (this.swappedIn && !whileSwappedIn) {
      throw new Error(
        `${owner}: ${method} was called while withAverages has the averages in the variables; call ` +
          'it before, or after its promise is fulfilled.',
      );
    }
  }

  private checkVariables(): void {
    for (const { variable } of this.averages) {
      checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
    }
  }
}
