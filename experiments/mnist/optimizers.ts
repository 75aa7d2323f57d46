import { optimizers, type AnyOption, type OptimizersByName } from 'tfjs-alig';
import { refusedStepOptions } from '../../lib/optimizers/refused-steps.js';
import { maxGradientValueOption, maxNormOption } from '../../lib/options/shared.js';

/** What createOptimizer knows. */
export type OptimizerName = keyof OptimizersByName;

/** A hyper-parameter's value; null: no such bound. */
export type Value = number | boolean | string | null;

/** An optimiser and its hyper-parameters; what is left out has the optimiser's own default. */
export interface OptimizerSettings {
  readonly name: OptimizerName;
  readonly hyperParameters: Readonly<Record<string, Value>>;
}

/** The optimisers that can train. */
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

/** What can be chosen of every optimiser; the scope of norms is about groups, of which it has none. */
const ofEveryOptimizer = {
  maxGradientValue: maxGradientValueOption,
  ...refusedStepOptions,
  maxNorm: maxNormOption,
};

/** The hyper-parameters of an optimiser that can be chosen. */
export function hyperParametersOf(name: OptimizerName): Readonly<Record<string, AnyOption>> {
  const { options } = optimizers[name].description;
  const chosen = Object.entries<AnyOption>(options).filter(([, { kind }]) => kind !== 'function');
  return { ...Object.fromEntries(chosen), ...ofEveryOptimizer };
}

/** Whether its step size needs the loss of all examples before each step, not that of the batch. */
export function needsObjective(name: OptimizerName): boolean {
  return 'objective' in optimizers[name].description.options;
}

/** A hyper-parameter in words; null where there is nothing to say. */
function described(name: string, option: AnyOption, value: Value): string | null {
  const label = option.label ?? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  // The usual bound of a loss.
  if (name === 'lowerBound' && value === 0) return null;
  if (value === null) return option.required ? `no ${label}` : null;
  if (value === false) return option.default === true ? `no ${label}` : null;
  if (value === true) return label;
  if (typeof value === 'string') return `${label} ${value}`;
  return `${label} ${value !== 0 && value < 1e-3 ? value.toExponential() : String(value)}`;
}

/** An optimiser and what was chosen of it, in words. */
export function describeOptimizer({ name, hyperParameters }: OptimizerSettings): string {
  const options = hyperParametersOf(name);
  const chosen = Object.entries(hyperParameters).flatMap(
    ([each, value]) => described(each, options[each]!, value) ?? [],
  );
  const { title } = optimizers[name].description;
  return `${title}: ${chosen.length > 0 ? chosen.join(', ') : 'default hyper-parameters'}`;
}
