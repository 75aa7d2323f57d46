import { InvalidArgumentError } from 'commander';
import { isInRange, type NumberRange } from '../lib/options/option.js';

function describe(kind: string, limits: NumberRange): string {
  const phrases: readonly [string, number | undefined][] = [
    ['greater than', limits.above],
    ['at least', limits.atLeast],
    ['less than', limits.below],
    ['at most', limits.atMost],
  ];
  const set = phrases.filter(([, limit]) => limit !== undefined);
  return [kind, set.map(([phrase, limit]) => `${phrase} ${String(limit)}`).join(' and ')]
    .filter((part) => part !== '')
    .join(' ');
}

function isWithin(value: number, limits: NumberRange): boolean {
  const { above = -Infinity, atLeast = -Infinity, below = Infinity, atMost = Infinity } = limits;
  return value > above && value >= atLeast && value < below && value <= atMost;
}

function toNumber(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

/** Parser of an option that takes a whole number. */
export function wholeNumber(limits: NumberRange): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (!Number.isSafeInteger(value) || !isWithin(value, limits)) {
      throw new InvalidArgumentError(`Allowed is ${describe('a whole number', limits)}.`);
    }
    return value;
  };
}

/** Parser of an option that takes a number of the range, or `none` where that has a null. */
export function numberIn(range: NumberRange): (text: string) => number | 'none' {
  const allowed =
    describe(range.whole ? 'a whole number' : 'a float32 number', range) +
    (range.none === undefined ? '' : ', or none');
  return (text) => {
    if (text === 'none' && range.none !== undefined) return text;
    const value = toNumber(text);
    if (!isInRange(value, range)) throw new InvalidArgumentError(`Allowed is ${allowed}.`);
    return value;
  };
}
