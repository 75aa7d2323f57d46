import {
  add,
  dispose,
  getBackend,
  keep,
  mul,
  tensor as makeTensor,
  tidy,
  variableGrads,
  type NamedTensorMap,
  type Optimizer,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import {
  gradientsByVariable,
  type GradientList,
  type GradientMap,
} from '../optimizers/gradients.js';
import { checkLoss, checkTensor, lossForBackend } from '../step/checks.js';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';
import { checkWhole } from './checks.js';

const owner = 'GradientAccumulator';

/** What one micro-batch brings beside its gradients. */
export interface MicroBatch {
  /** The mean loss of its examples, a number or a scalar tensor: what the gradients belong to. */
  loss: number | Tensor;
  /** The number of its examples, a whole number from 1: its weight in the average. */
  examples: number;
}

/** Averages over micro-batches; {@link dispose} frees them. */
export interface AccumulatedGradients {
  /** By variable name, in the order in which the variables were first given. */
  readonly gradients: NamedTensorMap;
  /** The mean loss of all examples, a scalar on the device. */
  readonly loss: Scalar;
  /** The number of examples. */
  readonly examples: number;
  /** Frees the gradients and the loss. */
  readonly dispose: () => void;
}

/** A weighted sum of tensors of one shape. */
interface WeightedSum {
  add(value: number | Tensor, weight: number): void;
  /** A new tensor, kept. */
  average(weights: number): Tensor;
  /** Throws where the sum is not on the current backend. */
  check(label: () => string): void;
  dispose(): void;
}

/**
 * In double, in host memory: each element is rounded once, as where the micro-batches are those of
 * several processes (`communicator`), whose averages have the same bits.
 */
class HostSum implements WeightedSum {
  private readonly total: Float64Array;

  constructor(private readonly shape: readonly number[]) {
    this.total = new Float64Array(shape.reduce((product, length) => product * length, 1));
  }

  add(value: number | Tensor, weight: number): void {
    const { total } = this;
    const values = typeof value === 'number' ? Float32Array.of(value) : value.dataSync<'float32'>();
    for (let i = 0; i < total.length; i++) total[i]! += weight * values[i]!;
  }

  average(weights: number): Tensor {
    const average = Float32Array.from(this.total, (sum) => sum / weights);
    return keep(makeTensor(average, [...this.shape], 'float32'));
  }

  check(): void {
    // It is on none.
  }

  dispose(): void {
    // The garbage collector frees it.
  }
}

/** In float32, on a device whose memory it would take long to read. */
class DeviceSum implements WeightedSum {
  private total: Tensor | undefined;

  add(value: number | Tensor, weight: number): void {
    const { total } = this;
    this.total = keep(
      tidy(() => {
        const weighted = mul(value, weight);
        return total ? add(total, weighted) : weighted;
      }),
    );
    total?.dispose();
  }

  average(weights: number): Tensor {
    return keep(tidy(() => mul(this.total!, 1 / weights)));
  }

  check(label: () => string): void {
    checkTensor(label, this.total);
  }

  dispose(): void {
    this.total?.dispose();
  }
}

function newSum(shape: readonly number[]): WeightedSum {
  return ['cpu', 'tensorflow'].includes(getBackend()) ? new HostSum(shape) : new DeviceSum();
}

/**
 * Averages the gradients and the losses of micro-batches, for batches that do not fit into memory at
 * once. Both averages are over the same examples, weighted by their numbers, so that a step equals
 * that of one large batch to float32 rounding. In Node (backends `tensorflow` and `cpu`) the sums are
 * doubles in host memory, 8 bytes a parameter, and each average is rounded once. A step size computed
 * from the loss, as ALI-G's, is wrong when the loss is that of the last micro-batch alone.
 *
 *     const accumulator = new GradientAccumulator();
 *     for (const {inputs, labels} of microBatches) {
 *       accumulator.accumulate(() => crossEntropy(labels, model.apply(inputs)).mean(), {
 *         examples: labels.shape[0],
 *       });
 *     }
 *     accumulator.applyTo(optimizer);
 *
 * The loss must be a mean over the examples, as the gradients are. A layer that uses statistics of
 * its batch, such as batch normalisation, sees each micro-batch alone and makes a difference.
 */
export class GradientAccumulator {
  private readonly gradients = new Map<Variable, WeightedSum | undefined>();
  private loss: WeightedSum | undefined;
  private seen = 0;

  /** The number of examples since the last {@link take}, {@link applyTo} or {@link reset}. */
  get examples(): number {
    return this.seen;
  }

  /**
   * Adds gradients that were computed elsewhere, as by `optimizer.computeGradients`; they and the
   * loss stay the caller's. A variable without gradient in this micro-batch counts as a gradient of
   * 0 of its examples.
   *
   * @param gradients By variable name, or a list of {name, tensor}, in the shapes of the variables;
   * a null tensor: no gradient.
   * @throws TypeError, RangeError or Error for bad arguments, which add nothing.
   */
  add(gradients: GradientMap | GradientList, microBatch: MicroBatch): void {
    checkOptionNames(`${owner}.add`, microBatch, ['loss', 'examples']);
    const { loss, examples } = microBatch;
    checkWhole(owner, 'examples', examples, 1);
    checkLoss(owner, loss);
    const given = gradientsByVariable(owner, gradients);
    for (const [variable, total] of this.gradients) {
      total?.check(() => `${owner}: what was accumulated for '${variable.name}'`);
    }
    for (const [variable, gradient] of given) {
      let total = this.gradients.get(variable);
      if (gradient) {
        total ??= newSum(variable.shape);
        total.add(gradient, examples);
      }
      this.gradients.set(variable, total);
    }
    this.loss ??= newSum([]);
    this.loss.add(lossForBackend(loss), examples);
    this.seen += examples;
  }

  /**
   * Computes the loss of one micro-batch and its gradients, and adds both.
   *
   * @param f Computes the mean loss of the micro-batch, a scalar, from the variables.
   * @param options.examples The number of its examples, a whole number from 1.
   * @param options.variables The variables to differentiate by. Default: all trainable ones.
   * @throws As {@link add}, and what tfjs throws where f does not give a scalar.
   */
  accumulate(f: () => Scalar, options: { examples: number; variables?: Variable[] }): void {
    checkOptionNames(`${owner}.accumulate`, options, ['examples', 'variables']);
    checkWhole(owner, 'examples', options.examples, 1);
    const { value, grads } = variableGrads(f, options.variables);
    try {
      this.add(grads, { loss: value, examples: options.examples });
    } finally {
      value.dispose();
      dispose(grads);
    }
  }

  /**
   * Hands out the averages, which are the caller's from then on, and starts again:
   *
   *     const accumulated = accumulator.take();
   *     optimizer.applyGradients(accumulated.gradients, {loss: accumulated.loss});
   *     accumulated.dispose();
   *
   * @throws Error where nothing was added.
   */
  take(): AccumulatedGradients {
    const { loss: lossSum, seen: examples } = this;
    if (!lossSum) {
      throw new Error(
        `${owner}: there is nothing to average; call add or accumulate for each micro-batch first.`,
      );
    }
    const gradients: NamedTensorMap = {};
    for (const [{ name }, sum] of this.gradients) {
      if (sum) gradients[name] = sum.average(examples);
    }
    const loss = lossSum.average(examples) as Scalar;
    this.reset();
    return {
      gradients,
      loss,
      examples,
      dispose: () => {
        dispose([loss, ...Object.values(gradients)]);
      },
    };
  }

  /**
   * Makes one step of an optimiser with the averages, and starts again, whether the step was taken or
   * refused. Optimisers of tfjs ignore the loss.
   *
   * @throws Error where nothing was added, and as the optimiser's applyGradients does.
   */
  applyTo(optimizer: Optimizer): void {
    if (
      typeof (optimizer as Partial<Optimizer> | null | undefined)?.applyGradients !== 'function'
    ) {
      throw new TypeError(
        `${owner}: applyTo takes an optimiser with applyGradients, such as AliG or tf.train.sgd, ` +
          `not ${shown(optimizer)}.`,
      );
    }
    const accumulated = this.take();
    try {
      const { gradients, loss } = accumulated;
      // The type of tf.Optimizer knows no second argument.
      (
        optimizer as unknown as {
          applyGradients(gradients: NamedTensorMap, step: { loss: Tensor }): void;
        }
      ).applyGradients(gradients, { loss });
    } finally {
      accumulated.dispose();
    }
  }

  /** Forgets and frees what was accumulated. The accumulator can be used again. */
  reset(): void {
    for (const sum of this.gradients.values()) sum?.dispose();
    this.gradients.clear();
    this.loss?.dispose();
    this.loss = undefined;
    this.seen = 0;
  }

  /** As {@link reset}. */
  dispose(): void {
    this.reset();
  }
}
