import { shown } from '../values/shown.js';

/** What learning rates are called, here and elsewhere. */
const rateNames = [
  'learningRate',
  'maxLearningRate',
  'learning_rate',
  'lr',
  'maxLr',
  'rate',
  'eta',
];

/**
 * Makes an assignment to a property that no step reads fail aloud: `optimizer.lr = 0.01`, or an option
 * that is fixed. JavaScript would add the property, and train on as before. Options can be read.
 */
export function guardNames(
  owner: string,
  optimizer: object,
  optionsNow: () => Readonly<Record<string, unknown>>,
): void {
  const fixed = Object.keys(optionsNow());
  const remedy =
    'learningRate' in optimizer
      ? 'set learningRate'
      : 'maxLearningRate' in optimizer
        ? 'set maxLearningRate, the upper bound of its step size'
        : 'its step size has no rate to set';
  for (const name of new Set([...fixed, ...rateNames])) {
    if (name in optimizer) continue;
    Object.defineProperty(optimizer, name, {
      configurable: true,
      get: () => optionsNow()[name],
      set: (value: unknown) => {
        throw new TypeError(
          fixed.includes(name)
            ? `${owner}: ${name} cannot be changed to ${shown(value)} between steps; make a new ` +
                'optimiser with it.'
            : `${owner} has no ${name} that could be set to ${shown(value)}: ${remedy}.`,
        );
      },
    });
  }
}
