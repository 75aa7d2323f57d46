import type { Optimizer } from '@tensorflow/tfjs-core';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';
import { checkNotNegative, checkNumber, checkPositive, checkWhole } from './checks.js';

/** A learning rate by the number of epochs that are done (0 in the first), or by the step from 1. */
export type LearningRateSchedule = (time: number) => number;

const belowOne = (value: number) => value > 0 && value < 1;

/** What is looked at of an optimiser: one of three ways in which learning rates are set. */
interface WithLearningRate {
  setLearningRate?: unknown;
  learningRate?: unknown;
  maxLearningRate?: unknown;
}

/**
 * Sets the learning rate that the next steps of an optimiser use:
 * - `tf.train.sgd` and `momentum`: by their `setLearningRate`,
 * - the other optimisers of `tf.train`, and `Sgd`, `Adam` and the like of this package: their
 *   property `learningRate`, which each step reads,
 * - `AliG`: its `maxLearningRate`. ALI-G computes its step size, which falls by itself as the loss
 *   does, so it needs no schedule; what is set here is the upper bound of that step size. That makes
 *   sense to warm up, or to end a training on a loss that does not reach 0.
 *
 * Variables of a group (`groups`) with a rate of its own keep that.
 *
 * @param optimizer An optimiser that has one of these.
 * @param learningRate A number of 0 or more: a warm-up may start at 0, and a cosine ends there.
 * @throws TypeError for an optimiser without a learning rate, RangeError for a value out of range.
 */
export function setLearningRate(optimizer: Optimizer, learningRate: number): void {
  const owner = 'setLearningRate';
  checkNotNegative(owner, 'learningRate', learningRate);
  const target = optimizer as (Optimizer & WithLearningRate) | null | undefined;
  if (typeof target === 'object' && target !== null) {
    if (typeof target.setLearningRate === 'function') {
      (target.setLearningRate as (value: number) => void).call(target, learningRate);
      return;
    }
    if (typeof target.learningRate === 'number') {
      target.learningRate = learningRate;
      return;
    }
    if (target.maxLearningRate === null || typeof target.maxLearningRate === 'number') {
      target.maxLearningRate = learningRate;
      return;
    }
  }
  throw new TypeError(
    `${owner}: ${shown(optimizer)} has no learning rate to set: neither setLearningRate, nor ` +
      'learningRate, nor maxLearningRate; give an optimiser such as tf.train.sgd or AliG.',
  );
}

/** Options of {@link stepDecay}. */
export interface StepDecayOptions {
  /** Learning rate of the first epoch: positive. */
  learningRate: number;
  /** The numbers of epochs after which it is multiplied, ascending, such as [60, 120, 160]. */
  afterEpochs: readonly number[];
  /** By what it is multiplied, between 0 and 1, such as 0.2. */
  factor: number;
}

/**
 * A learning rate that falls in steps, the usual schedule of SGD on CIFAR ("Wide Residual Networks",
 * Zagoruyko and Komodakis: factor 0.2 after 60, 120 and 160 epochs).
 *
 * @returns A function of the number of epochs that are done: 0 in the first epoch, as tfjs-layers
 * counts in `onEpochBegin`. It has no state: the epoch is all there is to save.
 * @throws TypeError for an unknown option or no list, RangeError for a value out of range.
 */
export function stepDecay(options: StepDecayOptions): LearningRateSchedule {
  const owner = 'stepDecay';
  checkOptionNames(owner, options, ['learningRate', 'afterEpochs', 'factor']);
  const { learningRate, factor } = options;
  checkPositive(owner, 'learningRate', learningRate);
  checkNumber(owner, 'factor', factor, 'a number between 0 and 1', belowOne);
  if (!Array.isArray(options.afterEpochs)) {
    throw new TypeError(
      `${owner}: afterEpochs must be a list of epochs such as [60, 120], not ` +
        `${shown(options.afterEpochs)}.`,
    );
  }
  const afterEpochs = [...(options.afterEpochs as readonly number[])];
  afterEpochs.forEach((epoch, i) => {
    checkWhole(owner, `afterEpochs[${i}]`, epoch, (afterEpochs[i - 1] ?? 0) + 1);
  });
  return (epoch) => {
    checkWhole(owner, 'epoch', epoch, 0);
    return learningRate * factor ** afterEpochs.filter((after) => after <= epoch).length;
  };
}

/** Options of {@link exponentialDecay}. */
export interface ExponentialDecayOptions {
  /** Learning rate of the first epoch: positive. */
  learningRate: number;
  /** By what each epoch multiplies it, between 0 and 1. Default: 0.99. */
  factor?: number;
}

/**
 * A learning rate that each epoch multiplies by a factor, as SGD on SNLI in the paper (0.99 from the
 * second epoch on; together with {@link PlateauDecay}).
 *
 * @returns A function of the number of epochs that are done: 0 in the first epoch.
 * @throws TypeError for an unknown option, RangeError for a value out of range.
 */
export function exponentialDecay(options: ExponentialDecayOptions): LearningRateSchedule {
  const owner = 'exponentialDecay';
  checkOptionNames(owner, options, ['learningRate', 'factor']);
  const { learningRate, factor = 0.99 } = options;
  checkPositive(owner, 'learningRate', learningRate);
  checkNumber(owner, 'factor', factor, 'a number between 0 and 1', belowOne);
  return (epoch) => {
    checkWhole(owner, 'epoch', epoch, 0);
    return learningRate * factor ** epoch;
  };
}

/** Options of {@link powerDecay}. */
export interface PowerDecayOptions {
  /** Learning rate of the first step: positive. */
  learningRate: number;
  /** The power p of t^-p: positive. Default: 0.5. */
  power?: number;
}

/**
 * The learning rate `learningRate * t^-power` of step t, the decreasing step size of stochastic
 * (sub)gradient theory and of the truncated method ("Stochastic (Approximate) Proximal Point
 * Methods", Asi and Duchi).
 *
 * @returns A function of the step t, counted from 1.
 * @throws TypeError for an unknown option, RangeError for a value out of range.
 */
export function powerDecay(options: PowerDecayOptions): LearningRateSchedule {
  const owner = 'powerDecay';
  checkOptionNames(owner, options, ['learningRate', 'power']);
  const { learningRate, power = 0.5 } = options;
  checkPositive(owner, 'learningRate', learningRate);
  checkPositive(owner, 'power', power);
  return (step) => {
    checkWhole(owner, 'step', step, 1);
    return learningRate * step ** -power;
  };
}

/** Options of {@link cosineDecay}. */
export interface CosineDecayOptions {
  /** Learning rate at time 0: positive. */
  learningRate: number;
  /** The number of epochs or steps after which `minimum` is reached: positive. */
  over: number;
  /** Learning rate from then on: at least 0, less than `learningRate`. Default: 0. */
  minimum?: number;
}

/**
 * Half a cosine from `learningRate` down to `minimum` ("SGDR: Stochastic Gradient Descent with Warm
 * Restarts", Loshchilov and Hutter, one period).
 *
 * @returns A function of the number of epochs, or of steps, that are done: from 0.
 * @throws TypeError for an unknown option, RangeError for a value out of range.
 */
export function cosineDecay(options: CosineDecayOptions): LearningRateSchedule {
  const owner = 'cosineDecay';
  checkOptionNames(owner, options, ['learningRate', 'over', 'minimum']);
  const { learningRate, over, minimum = 0 } = options;
  checkPositive(owner, 'learningRate', learningRate);
  checkPositive(owner, 'over', over);
  checkNumber(
    owner,
    'minimum',
    minimum,
    'a number of 0 or more, less than learningRate',
    (value) => value >= 0 && value < learningRate,
  );
  return (time) => {
    checkNotNegative(owner, 'time', time);
    const share = Math.min(time / over, 1);
    return minimum + ((learningRate - minimum) * (1 + Math.cos(Math.PI * share))) / 2;
  };
}

/** Options of {@link warmUp}. */
export interface WarmUpOptions {
  /** The learning rate without the warm-up: a number of 0 or more, or another schedule. */
  schedule: number | LearningRateSchedule;
  /** The number of epochs or steps that the warm-up takes: positive. */
  over: number;
  /** The share of the learning rate at time 0, from 0 up to but not including 1. Default: 0. */
  from?: number;
}

/**
 * A schedule whose rate first grows along a line, to that of another one ("Accurate, Large Minibatch
 * SGD", Goyal et al.):
 *
 *     const rate = warmUp({schedule: cosineDecay({learningRate: 0.1, over: 1000}), over: 50});
 *
 * The other schedule is asked for the same time, and not for a later one. With a `from` of 0 the first
 * step has the rate 0.
 *
 * @returns A function of the time of the other schedule: epochs or steps that are done, from 0.
 * @throws TypeError for an unknown option, RangeError for a value out of range.
 */
export function warmUp(options: WarmUpOptions): LearningRateSchedule {
  const owner = 'warmUp';
  checkOptionNames(owner, options, ['schedule', 'over', 'from']);
  const { schedule, over, from = 0 } = options;
  if (typeof schedule !== 'function') checkNotNegative(owner, 'schedule', schedule);
  checkPositive(owner, 'over', over);
  checkNumber(
    owner,
    'from',
    from,
    'a number from 0 up to but not including 1',
    (value) => value >= 0 && value < 1,
  );
  return (time) => {
    checkNotNegative(owner, 'time', time);
    const rate = typeof schedule === 'function' ? schedule(time) : schedule;
    return time >= over ? rate : rate * (from + ((1 - from) * time) / over);
  };
}

/** Options of {@link PlateauDecay}. */
export interface PlateauDecayOptions {
  /** The learning rate to start with: positive. */
  learningRate: number;
  /** By what it is multiplied, between 0 and 1. Default: 0.2. */
  factor?: number;
  /** Whether the largest or the smallest value is the best. Default: 'max' (an accuracy). */
  mode?: 'max' | 'min';
  /** Epochs without a new best that are let pass before it is multiplied. Default: 0. */
  patience?: number;
}

/** What a {@link PlateauDecay} has to remember, as JSON can hold it. */
export interface PlateauDecayState {
  learningRate: number;
  /** Null before the first value. */
  best: number | null;
  /** Epochs without a new best since the last one, or since the last decay. */
  waited: number;
}

/**
 * A learning rate that is multiplied by `factor` after an epoch whose validation value is no better
 * than the best so far: as SGD on SNLI in the paper, where it is divided by 5 when the validation
 * accuracy did not improve (train_nli.py of InferSent).
 *
 *     const plateau = new PlateauDecay({learningRate: 0.1});
 *     setLearningRate(optimizer, plateau.update(validationAccuracy));   // after each epoch
 *
 * Times another schedule: give that one the learning rate, and this one learningRate 1.
 */
export class PlateauDecay {
  private readonly factor: number;
  private readonly mode: 'max' | 'min';
  private readonly patience: number;
  private state: PlateauDecayState;

  /** @throws TypeError for an unknown option, RangeError for a value out of range. */
  constructor(options: PlateauDecayOptions) {
    const owner = 'PlateauDecay';
    checkOptionNames(owner, options, ['learningRate', 'factor', 'mode', 'patience']);
    const { learningRate, factor = 0.2, mode = 'max', patience = 0 } = options;
    checkPositive(owner, 'learningRate', learningRate);
    checkNumber(owner, 'factor', factor, 'a number between 0 and 1', belowOne);
    checkWhole(owner, 'patience', patience, 0);
    if (!(['max', 'min'] as unknown[]).includes(mode)) {
      throw new RangeError(`${owner}: mode must be 'max' or 'min', not ${shown(mode)}.`);
    }
    this.factor = factor;
    this.mode = mode;
    this.patience = patience;
    this.state = { learningRate, best: null, waited: 0 };
  }

  /** The learning rate for the epoch that comes next. */
  get learningRate(): number {
    return this.state.learningRate;
  }

  /**
   * Takes the validation value of an epoch and gives the learning rate for the next one. NaN is
   * never a new best.
   */
  update(value: number): number {
    if (typeof value !== 'number') {
      throw new TypeError(
        `PlateauDecay: value must be a number, not ${shown(value)}; read a tensor with dataSync.`,
      );
    }
    const { best, learningRate, waited } = this.state;
    const isBetter =
      !Number.isNaN(value) &&
      (best === null || (this.mode === 'max' ? value > best : value < best));
    if (isBetter) this.state = { learningRate, best: value, waited: 0 };
    else if (waited < this.patience) this.state = { learningRate, best, waited: waited + 1 };
    else this.state = { learningRate: learningRate * this.factor, best, waited: 0 };
    return this.state.learningRate;
  }

  /** What {@link setState} takes back; it can go through JSON. */
  getState(): PlateauDecayState {
    return { ...this.state };
  }

  /**
   * Goes on where the schedule was that gave this state.
   *
   * @throws TypeError for an unknown field, RangeError for a value out of range: nothing was changed.
   */
  setState(state: PlateauDecayState): void {
    const owner = 'PlateauDecay.setState';
    checkOptionNames(owner, state, ['learningRate', 'best', 'waited']);
    const { learningRate, best, waited } = state;
    checkNotNegative(owner, 'learningRate', learningRate);
    if (best !== null) checkNumber(owner, 'best', best, 'a number or null', () => true);
    checkWhole(owner, 'waited', waited, 0);
    this.state = { learningRate, best, waited };
  }
}
