import { engine, type Optimizer } from '@tensorflow/tfjs-core';
import { AliG } from '../optimizers/alig.js';
import { KeptVariables } from '../optimizers/kept-variables.js';
import { checkOptionNames } from '../options/option-names.js';
import { isOnCurrentBackend } from '../step/checks.js';
import { shown } from '../values/shown.js';
import { checkPositive, checkWhole } from './checks.js';
import { trialStep, type LossTrial, type ModelTrial, type TrialStep } from './trial-batches.js';

/** Options of {@link findLearningRate} and {@link findMaxLearningRate} beside what is trained. */
export interface RangeTestOptions {
  /**
   * Makes the optimiser that is tried, for a rate; it is disposed of afterwards. Give it the settings
   * of the training to come: momentum, constraint, groups.
   */
  optimizer: (rate: number) => Optimizer;
  /** The rates, ascending. Default: the powers of ten from 1e-4 to 10. */
  rates?: readonly number[];
  /** Steps with each rate, a whole number from 8. Default: 100. */
  steps?: number;
}

/** A rate that was tried. */
export interface TriedRate {
  readonly rate: number;
  /** The loss of each step's mini-batch before the step. The first that is not finite ends them. */
  readonly losses: readonly number[];
  /** The mean of the last quarter of the losses; null where one was not finite. */
  readonly loss: number | null;
}

/** What was found: the curve, and how the rate was chosen, in words. */
export interface RangeTestResult {
  /** In the order of the rates. */
  readonly curve: readonly TriedRate[];
  /** Which rate was chosen, and by which losses. */
  readonly reason: string;
}

const defaultRates = [1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/**
 * Finds the learning rate of an optimiser by a range test: it trains for some mini-batches with each
 * power of ten, always from the present weights and with the same mini-batches, and takes the largest
 * rate whose loss at the end (the mean of the last quarter of the steps) is as low as the lowest: larger
 * by no more than the standard error of their difference. The largest, because short trainings flatter small rates ("Understanding Short-Horizon
 * Bias in Stochastic Meta-Optimization", Wu et al.).
 *
 *     const {learningRate, reason, curve} = await findLearningRate({
 *       model, inputs, labels, optimizer: (learningRate) => new Sgd({learningRate, momentum: 0.9}),
 *     });
 *
 * All variables of the backend, trainable or not (the moving statistics of batch normalisation), are
 * afterwards what they were, bit for bit, also where an error is thrown; the model's own optimiser
 * is not used. What else a loss changes, as the states of stateful recurrent layers or a random
 * generator's, stays changed. Don't train meanwhile.
 *
 * @param options A compiled model with `inputs` and `labels`, in random order, or a `loss` of one's own.
 * @throws TypeError or RangeError for bad options; Error where the loss falls with no rate, which says
 * what each did.
 */
export async function findLearningRate(
  options: (ModelTrial | LossTrial) & RangeTestOptions,
): Promise<RangeTestResult & { readonly learningRate: number }> {
  const { rate, ...rest } = await rangeTest('findLearningRate', options);
  return { learningRate: rate, ...rest };
}

/**
 * Finds AliG's one hyper-parameter by a range test, as {@link findLearningRate}. The paper also takes the best
 * power of ten, by whole trainings. Where larger maximal learning rates make the very same steps, since
 * none is clipped, the smallest of them is taken.
 *
 *     const {maxLearningRate, reason, curve} = await findMaxLearningRate({model, inputs, labels});
 *     model.compile({optimizer: new AliG({maxLearningRate}), loss});
 *
 * @param options As of {@link findLearningRate}. Default of `optimizer`: AliG with its defaults.
 * @throws As {@link findLearningRate}.
 */
export async function findMaxLearningRate(
  options: (ModelTrial | LossTrial) & Partial<RangeTestOptions>,
): Promise<RangeTestResult & { readonly maxLearningRate: number }> {
  const { rate, ...rest } = await rangeTest('findMaxLearningRate', {
    // Before the options are checked, and may be nothing.
    ...(options as object | undefined),
    optimizer:
      (options as typeof options | undefined)?.optimizer ??
      ((maxLearningRate: number) => new AliG({ maxLearningRate })),
  } as (ModelTrial | LossTrial) & RangeTestOptions);
  return { maxLearningRate: rate, ...rest };
}

async function rangeTest(
  owner: string,
  options: (ModelTrial | LossTrial) & RangeTestOptions,
): Promise<RangeTestResult & { readonly rate: number }> {
  checkOptionNames(owner, options, [
    ...('loss' in options ? ['loss', 'variables'] : ['model', 'inputs', 'labels', 'batchSize']),
    'optimizer',
    'rates',
    'steps',
  ]);
  const { optimizer, rates = defaultRates, steps = 100 } = options;
  if (typeof optimizer !== 'function') {
    throw new TypeError(
      `${owner}: optimizer must be a function that makes an optimiser for a rate, such as ` +
        `(learningRate) => new Sgd({learningRate}), not ${shown(optimizer)}.`,
    );
  }
  checkWhole(owner, 'steps', steps, 8);
  checkRates(owner, rates);
  const step = trialStep(owner, options);
  const curve: TriedRate[] = [];
  const kept = new KeptVariables(
    Object.values(engine().registeredVariables).filter(isOnCurrentBackend),
  );
  try {
    for (const rate of rates) {
      try {
        curve.push(await tried(rate, optimizer, step, steps));
      } finally {
        kept.restore();
      }
    }
  } finally {
    kept.dispose();
  }
  return { ...chosen(owner, curve), curve };
}

function checkRates(owner: string, rates: unknown): void {
  if (!Array.isArray(rates) || rates.length === 0) {
    throw new TypeError(
      `${owner}: rates must be a list of rates such as [0.01, 0.1, 1], not ${shown(rates)}.`,
    );
  }
  rates.forEach((rate: unknown, i) => {
    checkPositive(owner, `rates[${i}]`, rate);
    if (i > 0 && rate <= rates[i - 1]) {
      throw new RangeError(`${owner}: rates must ascend; rates[${i}] is ${rate}.`);
    }
  });
}

async function tried(
  rate: number,
  newOptimizer: (rate: number) => Optimizer,
  step: TrialStep,
  steps: number,
): Promise<TriedRate> {
  const optimizer = newOptimizer(rate);
  const losses: number[] = [];
  try {
    while (losses.length < steps && losses.every(Number.isFinite)) {
      losses.push(await step(optimizer, losses.length));
    }
  } finally {
    optimizer.dispose();
  }
  const last = atEnd(losses);
  const mean = last.reduce((sum, loss) => sum + loss, 0) / last.length;
  return { rate, losses, loss: Number.isFinite(losses.at(-1)) ? mean : null };
}

/** The last quarter of the losses. */
function atEnd(losses: readonly number[]): readonly number[] {
  return losses.slice(-Math.floor(losses.length / 4));
}

/**
 * Whether a rate's loss at the end is no larger than the best by more than the standard error of their
 * difference. The mini-batches are the same for both, so that what makes them differ falls out.
 */
function isAsGood(tried: TriedRate, best: TriedRate): boolean {
  if (tried.loss === null) return false;
  const bestLosses = atEnd(best.losses);
  const differences = atEnd(tried.losses).map((loss, i) => loss - bestLosses[i]!);
  const count = differences.length;
  const mean = differences.reduce((sum, each) => sum + each, 0) / count;
  const squares = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return mean <= Math.sqrt(squares / Math.max(count - 1, 1) / count);
}

function chosen(owner: string, curve: readonly TriedRate[]): { rate: number; reason: string } {
  const found = curve.map(({ rate, loss }) => `${rate}: ${loss?.toPrecision(4) ?? 'not finite'}`);
  const start = curve[0]!.losses[0]!;
  const losses = curve.flatMap(({ loss }) => (loss === null ? [] : [loss]));
  const best = Math.min(...losses);
  if (!(best < start)) {
    throw new Error(
      `${owner}: the loss, ${start.toPrecision(4)} at first, falls with none of the rates (loss at ` +
        `the end by rate: ${found.join('; ')}); try other rates, more steps or larger mini-batches.`,
    );
  }
  const bestTried = curve.find(({ loss }) => loss === best)!;
  let place = curve.findLastIndex((each) => isAsGood(each, bestTried));
  const largest = curve[place]!;
  while (place > 0 && String(curve[place - 1]!.losses) === String(largest.losses)) place--;
  const { rate, loss } = curve[place]!;
  return {
    rate,
    reason: [
      rate === bestTried.rate
        ? `With ${rate} the loss has fallen furthest, from ${start.toPrecision(4)} to ` +
          `${best.toPrecision(4)} (mean of the last quarter of the steps).`
        : `${rate} is the largest rate with which the loss has fallen, from ${start.toPrecision(4)}, as far ` +
          `as with the best, ${bestTried.rate}: to ${loss!.toPrecision(4)} and ${best.toPrecision(4)} ` +
          '(means of the last quarter of the steps, which differ by less than their standard error).',
      rate === largest.rate ? '' : `Rates up to ${largest.rate} make the same steps.`,
      largest === curve.at(-1) && rate === largest.rate
        ? 'It is the largest that was tried: try larger ones.'
        : '',
      place === 0 ? 'It is the smallest that was tried: try smaller ones.' : '',
      `Loss at the end by rate: ${found.join('; ')}.`,
    ]
      .filter(Boolean)
      .join(' '),
  };
}
