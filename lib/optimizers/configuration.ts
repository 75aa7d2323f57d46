import { float32Value, float32Values } from '../options/option.js';
import type { Numbers, Rule } from '../rules/rule.js';
import type { AllOptions } from './common-options.js';
import type { Description } from './description.js';

/** An optimiser's options as the engines take them. */
export interface RuleConfiguration {
  readonly rule: Rule;
  /** Of all parameters together and, by other names, of those that no group names. */
  readonly settings: Numbers;
  /** Of each group. */
  readonly groupSettings: readonly Numbers[];
  /** Where the rule's arrays of state start, by their names. */
  readonly initialState: Numbers | undefined;
  /** Settings that change with the number t of the step, from 1. */
  readonly settingsOfStep: ((stepNumber: number) => Numbers) | undefined;
}

/** What options ask for; `overrides` are those of each group. */
export function configurationOf(
  description: Description,
  options: AllOptions,
  overrides: readonly Readonly<Record<string, unknown>>[],
): RuleConfiguration {
  const own = float32Values(description.options, options);
  const largest = Object.fromEntries(
    Object.entries<number>(own).map(([name, value]) => {
      const ofGroups = overrides.map((settings) =>
        settings[name] === undefined ? value : float32Value(settings[name]),
      );
      return [name, Math.max(value, ...ofGroups)];
    }),
  );
  const configured = (values: AllOptions) => {
    const numbers = float32Values(description.options, values);
    const chosen = description.configure(values, numbers, largest);
    return { ...chosen, settings: { ...numbers, ...chosen.settings } };
  };
  const { rule, settings, initialState, settingsOfStep } = configured(options);
  return {
    rule,
    settings,
    groupSettings: overrides.map((each) => configured({ ...options, ...each }).settings),
    initialState,
    settingsOfStep,
  };
}
