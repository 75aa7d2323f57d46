/**
 * Everything that the package exports.
 *
 * @module tfjs-alig
 */
export * from './exports/losses.js';
export * from './exports/schedules.js';
export * from './exports/step.js';
export { box, nonNegative, type Box, type NonNegative } from './constraints/box.js';
export type { Constraint } from './constraints/constraint.js';
export type { ConstraintFunction } from './constraints/projection.js';
export { l2Ball, type L2Ball } from './constraints/l2-ball.js';
export { none, type None } from './constraints/none.js';
export { simplex, type Simplex } from './constraints/simplex.js';
export type { Communicator } from './mpi/communicator.js';
export { AdaGrad, type AdaGradOptions } from './optimizers/adagrad.js';
export { Adam, AdamW, AmsGrad, type AdamOptions } from './optimizers/adam.js';
export type { AdamEpsilonPlacement } from './optimizers/adam-options.js';
export { AliG, type AliGOptions } from './optimizers/alig.js';
export { assertNoRegularizers } from './optimizers/assert-no-regularizers.js';
export {
  createOptimizer,
  optimizers,
  type HyperParameters,
  type OptimizerClasses,
  type OptimizersByName,
} from './optimizers/create-optimizer.js';
export { Aprox, type AproxOptions } from './optimizers/aprox.js';
export { BPGrad, type BPGradOptions } from './optimizers/bpgrad.js';
export type { Description } from './optimizers/description.js';
export { Dfw, type DfwOptions } from './optimizers/dfw.js';
export type { GradientList, GradientMap } from './optimizers/gradients.js';
export type { ParameterGroup } from './optimizers/parameter-groups.js';
export type { SavedGroups } from './optimizers/saved-groups.js';
export { registerOptimizers, type TensorFlowCopy } from './optimizers/registered-classes.js';
export { RmsProp, type RmsPropOptions } from './optimizers/rmsprop.js';
export type { RootEpsilonPlacement } from './optimizers/root-epsilon.js';
export { Sgd, type SgdOptions } from './optimizers/sgd.js';
export { withoutWeightDecay, type ModelWithWeights } from './optimizers/without-weight-decay.js';
export { Yogi, type YogiOptions } from './optimizers/yogi.js';
export { L4Adam, L4Mom, type L4AdamOptions, type L4MomOptions } from './optimizers/l4.js';
export { Momo, MomoAdam, type MomoAdamOptions, type MomoOptions } from './optimizers/momo.js';
export {
  ObermanPrazeres,
  Polyak,
  type Objective,
  type PolyakOptions,
} from './optimizers/polyak.js';
export { Sps, type SpsOptions } from './optimizers/sps.js';
export type { AnyOption, NumberRange } from './options/option.js';
export {
  AccumulatingOptimizer,
  type AccumulatingOptimizerOptions,
} from './training/accumulating-optimizer.js';
export {
  ExponentialMovingAverage,
  type ExponentialMovingAverageOptions,
} from './training/exponential-moving-average.js';
export {
  findLearningRate,
  findMaxLearningRate,
  type RangeTestOptions,
  type RangeTestResult,
  type TriedRate,
} from './training/find-learning-rate.js';
export type {
  BatchTensors,
  LossTrial,
  ModelTrial,
  TrainableModel,
} from './training/trial-batches.js';
export {
  GradientAccumulator,
  type AccumulatedGradients,
  type MicroBatch,
} from './training/gradient-accumulator.js';
export { modelFolder } from './training/model-folder.js';
export { averagedLogs, shard, type LogAverager } from './training/shared-fit.js';
export {
  stepLogger,
  type StepLogger,
  type StepLoggerOptions,
  type StepReporter,
  type SummaryWriter,
} from './training/step-logger.js';
