import type { Scalar } from '@tensorflow/tfjs-core';
import {
  functionOption,
  RequiredOption,
  type Float32Values,
  type Values,
} from '../options/option.js';
import { optimalValueOption } from '../options/shared.js';
import { aliG } from '../rules/alig.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/** The full loss at the current values of the variables. */
export type Objective = () => number | Scalar;

/**
 * Options of {@link Polyak} and {@link ObermanPrazeres}.
 *
 * @interface
 */
export type PolyakOptions = OptionsOf<typeof Polyak>;

const options = {
  /**
   * Gives the full loss (f), over all samples, at the current values of the variables. Called once
   * before each step; a tensor that it gives is disposed of. It is not saved: null after loading,
   * until it is set.
   */
  objective: functionOption<Objective>(
    {
      default: new RequiredOption('give a function that computes the full loss'),
      meaning: 'gives the full loss',
      symbol: 'f',
    },
    'a function that gives the full loss',
  ),
  /** The smallest value that the full loss can have (f*). Default: 0. */
  optimalValue: optimalValueOption,
};

/** SGD with Polyak's step size, whose loss is not the one handed over but that of an objective. */
const polyakStepSize = {
  // ALI-G's step size without a maximal learning rate is Polyak's.
  rules: [aliG],
  options,
  configure: (_: Values<typeof options>, { optimalValue }: Float32Values<typeof options>) => ({
    rule: aliG,
    settings: { maxLearningRate: Infinity, momentum: 0, epsilon: 0, lowerBound: optimalValue },
  }),
  loss: ({ objective }: Values<typeof options>) => objective(),
};

/**
 * Gradient descent with Polyak's step size (f(w) - f*) / |g|^2 and projection ("Minimization of
 * unsmooth functionals", Polyak 1969): g is the gradient of the full loss f, whose smallest value
 * is known.
 *
 *     const objective = () => loss(allSamples);
 *     const optimizer = new Polyak({objective, constraint: l2Ball(10)});
 *     optimizer.minimize(objective);
 *
 * The loss that `minimize` computes or `applyGradients` is given is not used.
 */
export class Polyak extends optimizerOf({
  ...polyakStepSize,
  name: 'polyak',
  className: 'Polyak',
  title: 'Polyak',
  source: 'Polyak',
  formula: '(f - f*) / |g|^2, f the full loss, which `objective` gives',
}) {}

/**
 * SGD with the step size of "Stochastic Gradient Descent with Polyak's Learning Rate" (Oberman and
 * Prazeres 2019): (f(w) - f*) / |g|^2, where g is the gradient of a mini-batch and f the full loss.
 *
 *     const optimizer = new ObermanPrazeres({objective: () => loss(allSamples)});
 *     optimizer.minimize(() => loss(miniBatch));
 *
 * The loss that `minimize` computes or `applyGradients` is given is not used.
 */
export class ObermanPrazeres extends optimizerOf({
  ...polyakStepSize,
  name: 'obermanprazeres',
  className: 'ObermanPrazeres',
  title: 'Oberman and Prazeres',
  source: 'Oberman and Prazeres',
  formula: "the same with a mini-batch's gradient",
}) {}

register(Polyak);
register(ObermanPrazeres);
