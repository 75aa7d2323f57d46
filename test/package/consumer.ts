/**
 * What a strict TypeScript project writes on this package's types. Never run: test/package/package.test.ts
 * compiles it against the packed package.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  sum,
  train,
  variable,
  zeros,
  type Optimizer,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {
  AliG,
  createOptimizer,
  crossEntropy,
  ExponentialMovingAverage,
  fusedAliGStep,
  GradientAccumulator,
  l2Ball,
  NonFiniteError,
  PlateauDecay,
  registerOptimizers,
  setLearningRate,
  stepDecay,
  stepLogger,
  type AliGOptions,
  type EngineName,
  type StepReport,
} from 'tfjs-alig';

const options: AliGOptions = { maxLearningRate: 0.1, momentum: 0.9, constraint: l2Ball(100) };
const weights = variable(zeros([2, 3]));

export const optimizer: Optimizer = new AliG(options);
export const unbounded = new AliG({ maxLearningRate: null });
export const named: AliG = createOptimizer('alig', { maxLearningRate: 1, maxNorm: null });
export const restored: AliG = AliG.fromConfig(AliG, named.getConfig());
registerOptimizers(tf);
export const cost: Scalar | null = unbounded.minimize(() => sum<Scalar>(weights), true, [weights]);
unbounded.applyGradients({ [weights.name]: null }, { loss: 0.5 });
unbounded.applyGradients([{ name: weights.name, tensor: weights }], {
  loss: sum<Scalar>(weights),
});

export const report: StepReport = fusedAliGStep({
  parameters: [new Float32Array(3)],
  gradients: [null],
  velocities: [new Float32Array(3)],
  loss: 0.5,
  momentum: 0.9,
});
export const served: EngineName = fusedAliGStep({
  parameters: [weights],
  gradients: [weights],
  loss: sum(weights),
}).engine;
export const unclipped: number | null = report.unclippedStepSize;
export const tellsWhy = (error: unknown) => error instanceof NonFiniteError && error.report.status;

export const losses: Tensor = crossEntropy(weights, weights);
const accumulator = new GradientAccumulator();
accumulator.add({ [weights.name]: null }, { loss: 0.5, examples: 3 });
unbounded.applyGradients(accumulator.take().gradients, { loss: accumulator.take().loss });
accumulator.applyTo(optimizer);
setLearningRate(optimizer, stepDecay({ learningRate: 1, afterEpochs: [2], factor: 0.5 })(3));
export const plateau: number = new PlateauDecay({ learningRate: 1, mode: 'min' }).update(0.5);
const average = new ExponentialMovingAverage([weights], { decay: 0.9 });
export const evaluated: Promise<number> = average.withAverages(() => Promise.resolve(1));
export const logged: (epoch: number, logs?: Record<string, number>) => void = stepLogger(
  unbounded,
  {
    tensorBoard: null,
  },
).onEpochEnd;

// @ts-expect-error: an optimiser of tfjs does not report its steps
stepLogger(train.sgd(1));
// @ts-expect-error: the number of examples is missing
accumulator.add({ [weights.name]: null }, { loss: 0.5 });
// @ts-expect-error: the option is called maxLearningRate
export const misspelt = new AliG({ learningRate: 0.1 });
// @ts-expect-error: maxLearningRate has no default
export const incomplete = new AliG({ momentum: 0.9 });
// @ts-expect-error: a ball is made by l2Ball
export const radius = new AliG({ maxLearningRate: 0.1, constraint: 100 });
export const grouped = new AliG({
  maxLearningRate: 0.1,
  groups: [{ variables: [weights], maxLearningRate: null }],
});
// @ts-expect-error: a group of AliG has no weight decay
new AliG({ maxLearningRate: 0.1, groups: [{ variables: [weights], weightDecay: 1 }] });
export const rate: number | null = grouped.maxLearningRate;
grouped.maxLearningRate = 0.5;
// @ts-expect-error: momentum does not change between steps
grouped.momentum = 0.5;
// @ts-expect-error: unknown optimiser
export const unknown = createOptimizer('aligg', { maxLearningRate: 0.1 });
// @ts-expect-error: AliG takes a constraint; maxNorm is createOptimizer's, for recorded files
export const mixed = new AliG({ maxLearningRate: 0.1, maxNorm: 1 });
// @ts-expect-error: host arrays take a loss that is a number
fusedAliGStep({ parameters: [new Float32Array(1)], gradients: [null], loss: sum(weights) });
// @ts-expect-error: the loss is missing
fusedAliGStep({ parameters: [weights], gradients: [weights] });
fusedAliGStep({
  parameters: [weights],
  gradients: [weights],
  loss: 1,
  // @ts-expect-error: the option is called epsilon
  eps: 1e-5,
});
// @ts-expect-error: reports are read-only
report.loss = 0;
