/** Options of optimisers: defaults, checks, and their float32 values. */
import type { Numbers } from '../rules/rule.js';
import { checkOptionNames, checkSetting, type settingSchemas } from '../step/settings.js';

/** In place of a default: the option has to be given. */
export class RequiredOption {
  /** `remedy` says what to give. */
  constructor(readonly remedy: string) {}
}

/** A default for each option, or what to say where it is missing. */
export type Defaults<Options> = {
  readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> | RequiredOption;
};

/** Options none of which is missing. */
export type Complete<Options> = {
  readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined>;
};

/**
 * Options with defaults in place of what is missing or undefined.
 *
 * @throws TypeError for an option that is unknown or missing.
 */
export function completeOptions<Options extends object>(
  owner: string,
  given: Options,
  defaults: Defaults<Options>,
): Complete<Options> {
  checkOptionNames(owner, given, Object.keys(defaults));
  const complete = Object.entries(defaults).map(([name, standard]) => {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) return [name, value];
    if (standard instanceof RequiredOption) {
      throw new TypeError(`${owner}: ${name} is missing; ${standard.remedy}.`);
    }
    return [name, standard];
  });
  return Object.fromEntries(complete) as Complete<Options>;
}

/**
 * Options of these names as engines take them: checked, rounded to float32, null (no bound) as
 * Infinity, true and false as 1 and 0.
 *
 * @throws RangeError for a value out of range.
 */
export function settingsOf<Name extends keyof typeof settingSchemas>(
  owner: string,
  options: Readonly<Record<Name, unknown>>,
  names: readonly Name[],
): Readonly<Record<Name, number>> & Numbers {
  const entries = names.map((name) => {
    const value = checkSetting(owner, name, options[name]);
    return [name, Math.fround(value === null ? Infinity : Number(value))];
  });
  return Object.fromEntries(entries) as Readonly<Record<Name, number>>;
}

/**
 * 1 - the decay rate of an average, rounded after the subtraction: the float32 nearest 0.999 is so
 * far off that 1 - it is wrong in the fifth digit.
 *
 * @throws RangeError for a value out of range.
 */
export function averageWeightOf<Name extends 'beta' | 'beta1' | 'beta2' | 'decay'>(
  owner: string,
  options: Readonly<Record<Name, number>>,
  name: Name,
): number {
  return Math.fround(1 - (checkSetting(owner, name, options[name]) as number));
}
