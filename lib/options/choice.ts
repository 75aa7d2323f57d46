import { shown } from '../values/shown.js';

/** Throws a RangeError unless the option is one of these texts; names them all. */
export function checkChoice<Choice extends string>(
  owner: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RangeError(
    `${owner}: ${name} must be ${choices.map(shown).join(' or ')}, not ${shown(value)}.`,
  );
}
