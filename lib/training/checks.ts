import { shown } from '../values/shown.js';

/** Throws a RangeError that names the option, what it must be and what it was. */
export function checkNumber(
  owner: string,
  name: string,
  value: unknown,
  rule: string,
  test: (value: number) => boolean,
): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && test(value)) return;
  throw new RangeError(`${owner}: ${name} must be ${rule}, not ${shown(value)}.`);
}

/** Throws a RangeError unless the value is a positive, finite number. */
export function checkPositive(
  owner: string,
  name: string,
  value: unknown,
): asserts value is number {
  checkNumber(owner, name, value, 'a positive number', (number) => number > 0);
}

/** Throws a RangeError unless the value is a finite number of 0 or more. */
export function checkNotNegative(
  owner: string,
  name: string,
  value: unknown,
): asserts value is number {
  checkNumber(owner, name, value, 'a number of 0 or more', (number) => number >= 0);
}

/** Throws a RangeError unless the value is a whole number from `least`. */
export function checkWhole(
  owner: string,
  name: string,
  value: unknown,
  least: number,
): asserts value is number {
  checkNumber(
    owner,
    name,
    value,
    `a whole number from ${least}`,
    (number) => Number.isSafeInteger(number) && number >= least,
  );
}
