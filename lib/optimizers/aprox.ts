import { numberOption } from '../options/option.js';
import { learningRateOption, notNegative } from '../options/shared.js';
import { aprox } from '../rules/aprox.js';
import { optimizerOf, type OptionsOf } from './optimizer-of.js';
import { register } from './registered-classes.js';

/**
 * Options of {@link Aprox}.
 *
 * @interface
 */
export type AproxOptions = OptionsOf<typeof Aprox>;

/**
 * The truncated method of APROX ("The importance of better models in stochastic optimization", Asi
 * and Duchi, PNAS 2019): SGD whose step size is min(loss / |g|^2, learningRate t^-power). It takes
 * losses of lower bound 0. Where all gradients are 0 the step size is the learning rate.
 */
export class Aprox extends optimizerOf({
  name: 'aprox',
  className: 'Aprox',
  title: 'APROX',
  source: 'Asi and Duchi',
  formula: 'min(l / |g|^2, eta t^-power)',
  rules: [aprox],
  options: {
    /** Learning rate of the first step (alpha), at least 0: the bound of the step size. Default: 0.1. */
    learningRate: learningRateOption(0.1, { symbol: 'alpha' }),
    /**
     * The power of t^-power (beta in the paper), by which the learning rate falls with the number t
     * of the step, at least 0. Default: 0, a constant rate, as in the published code.
     */
    power: numberOption(notNegative, {
      default: 0,
      meaning: 'power of the step number by which the learning rate falls',
      symbol: 'beta',
      label: 'power of the step number',
    }),
  },
  configure: ({ power }) => ({
    rule: aprox,
    settings: { rateFactor: 1 },
    settingsOfStep: (stepNumber) => ({ rateFactor: Math.fround(stepNumber ** -power) }),
  }),
}) {}

register(Aprox);
