import {
  Optimizer,
  type Scalar,
  type serialization,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { applyComputed } from '../optimizers/apply-computed.js';
import type { GradientList, GradientMap } from '../optimizers/gradients.js';
import { StatisticsOfStep } from '../optimizers/moving-statistics.js';
import { classNamed, register } from '../optimizers/registered-classes.js';
import type { RuleOptimizer } from '../optimizers/rule-optimizer.js';
import { savedText, textOf } from '../optimizers/saved-groups.js';
import { checkOptionNames } from '../options/option-names.js';
import { wasWritten, type StepReport } from '../rules/report.js';
import { shown } from '../values/shown.js';
import { checkWhole } from './checks.js';
import { GradientAccumulator } from './gradient-accumulator.js';
import { setLearningRate } from './learning-rate.js';
import { isOpen } from './step-logger.js';

const owner = 'AccumulatingOptimizer';

/** Options of {@link AccumulatingOptimizer}. */
export interface AccumulatingOptimizerOptions<Wrapped extends Optimizer = Optimizer> {
  /** Makes the steps: AliG or any other optimiser. It belongs to the wrapper, which disposes of it. */
  optimizer: Wrapped;
  /** The number of mini-batches that a step is made of, a whole number from 1. */
  miniBatches: number;
}

/** The class and options of the wrapped optimiser in a saved model. */
interface SavedOptimizer {
  readonly name: readonly number[];
  readonly config: serialization.ConfigDict;
}

/**
 * An optimiser that takes several mini-batches a step, for model.fit and fitDataset with batches that
 * do not fit into memory at once: it averages gradients and losses ({@link GradientAccumulator}), each
 * mini-batch with the same weight, and lets another optimiser step with the averages.
 *
 *     const optimizer = new AccumulatingOptimizer({
 *       optimizer: new AliG({maxLearningRate: 0.1}), miniBatches: 4,
 *     });
 *     model.compile({optimizer, loss});
 *     await model.fit(inputs, labels, {batchSize: 32});    // steps of 128 examples
 *     optimizer.stepWithRest();                            // if there is one
 *
 * Epochs do not matter to it: a rest of mini-batches at the end of one waits for those of the next, so
 * that each step is of as many. {@link stepWithRest} makes a step of a rest, {@link reset} forgets it,
 * and it is not saved. Where the number of examples is no multiple of the batch size, the last, smaller
 * mini-batch of an epoch counts as much as the others.
 *
 * It is saved with the model. `setLearningRate`, schedules and loggers work on it as on the other one.
 */
export class AccumulatingOptimizer<Wrapped extends Optimizer = Optimizer> extends Optimizer {
  static readonly className = owner;

  /** What makes the steps. */
  readonly optimizer: Wrapped;
  /** The number of mini-batches that a step is made of. */
  readonly miniBatches: number;
  private readonly accumulator = new GradientAccumulator();
  /** Of before the first mini-batch. */
  private readonly statistics = new StatisticsOfStep();

  /** @throws TypeError for an unknown option or no optimiser, RangeError for a number out of range. */
  constructor(options: AccumulatingOptimizerOptions<Wrapped>) {
    super();
    const given: unknown = options;
    checkOptionNames(owner, given, ['optimizer', 'miniBatches']);
    const { optimizer, miniBatches } = options;
    if (
      typeof (optimizer as Partial<Optimizer> | null | undefined)?.applyGradients !== 'function'
    ) {
      throw new TypeError(
        `${owner}: optimizer must be one with applyGradients, such as AliG or tf.train.sgd, not ` +
          `${shown(optimizer)}.`,
      );
    }
    checkWhole(owner, 'miniBatches', miniBatches, 1);
    this.optimizer = optimizer;
    this.miniBatches = miniBatches;
  }

  /** The number of steps taken, not of mini-batches. */
  override get iterations(): number {
    return this.optimizer.iterations;
  }

  /** What the last step did: `lastStep` of the wrapped optimiser; undefined where that has none. */
  get lastStep(): StepReport | null | undefined {
    return (this.optimizer as { readonly lastStep?: StepReport | null }).lastStep;
  }

  /** The number of mini-batches since the last step. */
  get rest(): number {
    return this.accumulator.examples;
  }

  /** As the function {@link setLearningRate} on the wrapped optimiser. */
  setLearningRate(learningRate: number): void {
    setLearningRate(this.optimizer, learningRate);
  }

  /**
   * Computes f and its gradients, and makes a step if that was the last of its mini-batches. Where a
   * step is refused, what all its f have assigned to variables that are not trainable is taken back.
   *
   * @param f Computes the mean loss of a mini-batch, a scalar, from the variables.
   * @param returnCost Whether to return the loss of the mini-batch; else null is returned. Default: false.
   * @param varList The variables to change. Default: all trainable ones.
   * @throws As {@link applyGradients}, and what tfjs throws where f does not give a scalar.
   */
  override minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    if (this.rest === 0) {
      // Not by instanceof, which tfjs defines by methods that each of its optimisers has.
      (this.optimizer as Partial<RuleOptimizer>).shareParameters?.(varList);
      this.statistics.remember();
    }
    return applyComputed(this, this.computeGradients(f, varList), returnCost, varList);
  }

  /**
   * Takes the gradients of a mini-batch, and makes a step if it was the last. They stay the caller's.
   *
   * @param step.loss The loss of the mini-batch that the gradients belong to.
   * @throws TypeError, RangeError or Error for bad arguments, which add nothing, and as the wrapped
   * optimiser's applyGradients does; the mini-batches of a step that throws are forgotten.
   */
  override applyGradients(
    gradients: GradientMap | GradientList,
    step?: { loss?: number | Tensor },
  ): void {
    this.accumulator.add(gradients, {
      loss: step?.loss as number | Tensor,
      examples: 1,
    });
    if (this.rest === this.miniBatches) this.stepWithRest();
  }

  /**
   * Makes a step of the mini-batches since the last one, if there are any: at the end of a training,
   * or of each epoch (`onEpochEnd: () => optimizer.stepWithRest()`).
   *
   * @returns Whether there were any.
   * @throws As the wrapped optimiser's applyGradients does.
   */
  stepWithRest(): boolean {
    if (this.rest === 0) return false;
    const { statistics } = this;
    try {
      this.accumulator.applyTo(this.optimizer);
      const { lastStep } = this;
      // A report of webgl and webgpu is not waited for.
      if (lastStep && !isOpen(lastStep) && !wasWritten(lastStep)) statistics.restore();
    } catch (error) {
      statistics.restore();
      throw error;
    } finally {
      statistics.forget();
    }
    return true;
  }

  /** Forgets the mini-batches since the last step. */
  reset(): void {
    this.accumulator.reset();
    this.statistics.forget();
  }

  /** The class and options of the wrapped optimiser and the number of mini-batches, for a saved model. */
  override getConfig(): serialization.ConfigDict {
    const { optimizer, miniBatches } = this;
    const saved: SavedOptimizer = {
      name: savedText(optimizer.getClassName()),
      config: optimizer.getConfig(),
    };
    return { optimizer: saved as unknown as serialization.ConfigDict, miniBatches };
  }

  /**
   * Makes an optimiser from what {@link getConfig} gave.
   *
   * @throws Error where the class of the wrapped optimiser is not registered.
   */
  static override fromConfig<T extends serialization.Serializable>(
    cls: new (options: never) => T,
    config: serialization.ConfigDict,
  ): T {
    const { name, config: own } = config['optimizer'] as unknown as SavedOptimizer;
    const className = textOf(name);
    const found = classNamed(className);
    if (!found) {
      throw new Error(
        `${owner}: the saved optimiser has the class '${className}', which is not registered; import ` +
          'the module that has it before the model is loaded.',
      );
    }
    const [wrapped, fromConfig] = found;
    const options = { optimizer: fromConfig(wrapped, own), miniBatches: config['miniBatches'] };
    return new cls(options as never);
  }

  /** The state of the wrapped optimiser; a rest of mini-batches is not saved. */
  override getWeights(): ReturnType<Optimizer['getWeights']> {
    return this.optimizer.getWeights();
  }

  /** Gives the wrapped optimiser its state, and forgets the mini-batches since the last step. */
  override async setWeights(weights: Parameters<Optimizer['setWeights']>[0]): Promise<void> {
    await this.optimizer.setWeights(weights);
    this.reset();
  }

  /** Frees what was accumulated, and the wrapped optimiser. */
  override dispose(): void {
    this.reset();
    this.optimizer.dispose();
  }
}

register(AccumulatingOptimizer);
