/** The mini-batches of a trial training: those of a tf.LayersModel, or a loss of one's own. */
import {
  scalar,
  slice,
  Tensor,
  type Optimizer,
  type Scalar,
  type Variable,
} from '@tensorflow/tfjs-core';
import { NonFiniteError } from '../rules/non-finite.js';
import { shown } from '../values/shown.js';
import { checkWhole } from './checks.js';

/** What tf.LayersModel takes as inputs or labels. */
export type BatchTensors = Tensor | Tensor[] | Record<string, Tensor>;

/** What is called of a tf.LayersModel. */
export interface TrainableModel {
  optimizer: Optimizer;
  trainOnBatch(inputs: BatchTensors, labels: BatchTensors): Promise<number | number[]>;
}

/** A compiled model and examples in random order, of which mini-batches are taken one after the other. */
export interface ModelTrial {
  /** A compiled tf.LayersModel. Its own optimiser makes no step. */
  model: TrainableModel;
  /** As for model.fit: examples along the first axis. The tensors stay the caller's. */
  inputs: BatchTensors;
  /** As for model.fit. */
  labels: BatchTensors;
  /** Examples in a mini-batch, a whole number from 1. Default: 32, as for model.fit. */
  batchSize?: number;
}

/** A loss of one's own. */
export interface LossTrial {
  /** The mean loss of the mini-batch of a step, a scalar; steps are counted from 0 for each rate. */
  loss: (step: number) => Scalar;
  /** The variables to change. Default: all trainable ones. */
  variables?: Variable[];
}

/** Makes the step of this number with an optimiser, and gives the loss before it. */
export type TrialStep = (optimizer: Optimizer, step: number) => Promise<number>;

/** One step; NaN where it met a number that is not finite. */
function minimized(
  optimizer: Optimizer,
  f: () => Scalar,
  variables: Variable[] | undefined,
): Scalar {
  try {
    return optimizer.minimize(f, true, variables)!;
  } catch (error) {
    if (error instanceof NonFiniteError) return scalar(NaN);
    throw error;
  }
}

function tensorsOf(owner: string, name: string, given: unknown): Tensor[] {
  const tensors: unknown[] =
    given instanceof Tensor || typeof given !== 'object' || given === null
      ? [given]
      : Object.values(given);
  for (const tensor of tensors) {
    if (tensor instanceof Tensor && tensor.rank > 0) continue;
    throw new TypeError(
      `${owner}: ${name} must be a tensor with the examples along its first axis, or a list or ` +
        `record of such, not ${shown(tensor)}.`,
    );
  }
  return tensors as Tensor[];
}

/** The same container, of a part of each tensor. */
function mapped(given: BatchTensors, part: (tensor: Tensor) => Tensor): BatchTensors {
  if (given instanceof Tensor) return part(given);
  if (Array.isArray(given)) return given.map(part);
  return Object.fromEntries(Object.entries(given).map(([name, tensor]) => [name, part(tensor)]));
}

/**
 * The step of a trial.
 *
 * @throws TypeError or RangeError for what is no trial.
 */
export function trialStep(owner: string, trial: ModelTrial | LossTrial): TrialStep {
  return 'loss' in trial ? lossStep(owner, trial) : modelStep(owner, trial);
}

/** What tf.LayersModel has beyond its type; the model of a tf.Sequential is another one inside of it. */
interface OwnedOptimizer {
  /** Whether model.dispose() disposes of the optimiser. Setting another one forgets it. */
  isOptimizerOwned?: boolean;
  readonly model?: OwnedOptimizer;
}

/** Lets a model step with another optimiser, until the function that is returned is called. */
function lendOptimizer(model: TrainableModel, optimizer: Pick<Optimizer, 'minimize'>): () => void {
  const { optimizer: own } = model;
  const owners = [model as OwnedOptimizer, (model as OwnedOptimizer).model ?? {}].map(
    (each) => [each, each.isOptimizerOwned] as const,
  );
  model.optimizer = optimizer as Optimizer;
  return () => {
    model.optimizer = own;
    for (const [each, owned] of owners) if (owned !== undefined) each.isOptimizerOwned = owned;
  };
}

function lossStep(owner: string, { loss, variables }: LossTrial): TrialStep {
  if (typeof loss !== 'function') {
    throw new TypeError(
      `${owner}: loss must be a function that computes the loss of a step, not ${shown(loss)}.`,
    );
  }
  return async (optimizer, step) => {
    const value = minimized(optimizer, () => loss(step), variables);
    const [number] = await value.data();
    value.dispose();
    return number!;
  };
}

function modelStep(
  owner: string,
  { model, inputs, labels, batchSize = 32 }: ModelTrial,
): TrialStep {
  if (typeof (model as Partial<TrainableModel> | undefined)?.trainOnBatch !== 'function') {
    throw new TypeError(
      `${owner}: give a tf.LayersModel as model, with inputs and labels, or a function as loss; ` +
        `model is ${shown(model)}.`,
    );
  }
  if (!(model.optimizer as Optimizer | undefined)) {
    throw new Error(
      `${owner}: the model has no loss; call model.compile({optimizer, loss}) first.`,
    );
  }
  checkWhole(owner, 'batchSize', batchSize, 1);
  const sizes = [...tensorsOf(owner, 'inputs', inputs), ...tensorsOf(owner, 'labels', labels)].map(
    ({ shape }) => shape[0],
  );
  const examples = sizes[0]!;
  if (examples === 0 || sizes.some((size) => size !== examples)) {
    throw new RangeError(
      `${owner}: inputs and labels must have the same number of examples, at least one, along their ` +
        `first axis; there are ${sizes.join(', ')}.`,
    );
  }
  const size = Math.min(batchSize, examples);
  // Whole ones: the losses of a rest would not compare.
  const batches = Math.floor(examples / size);
  return async (optimizer, step) => {
    const begin = (step % batches) * size;
    const part = (tensor: Tensor) =>
      slice(
        tensor,
        [begin, ...tensor.shape.slice(1).map(() => 0)],
        [size, ...tensor.shape.slice(1)],
      );
    const [batchInputs, batchLabels] = [mapped(inputs, part), mapped(labels, part)];
    const giveBack = lendOptimizer(model, {
      minimize: (f, _, variables) => minimized(optimizer, f, variables),
    });
    try {
      const losses = await model.trainOnBatch(batchInputs, batchLabels);
      return Array.isArray(losses) ? losses[0]! : losses;
    } finally {
      giveBack();
      for (const tensor of [batchInputs, batchLabels].flatMap((each) =>
        tensorsOf(owner, 'inputs', each),
      )) {
        tensor.dispose();
      }
    }
  };
}
