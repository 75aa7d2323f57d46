import { InvalidArgumentError } from 'commander';

/** Limits of a number on the command line; a limit that is left out does not exist. */
export interface Limits {
  readonly above?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly atMost?: number;
}

function describe(kind: string, limits: Limits): string {
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

function isWithin(value: number, limits: Limits): boolean {
  const { above = -Infinity, atLeast = -Infinity, below = Infinity, atMost = Infinity } = limits;
  return value > above && value >= atLeast && value < below && value <= atMost;
}

function toNumber(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

// The step computes with the float32 that is nearest to the number, so that one has to be allowed.
function isAllowedFloat32(value: number, limits: Limits): boolean {
  const rounded = Math.fround(value);
  return Number.isFinite(rounded) && isWithin(rounded, limits);
}

/** Parser of an option that takes a whole number. */
export function wholeNumber(limits: Limits): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (!Number.isSafeInteger(value) || !isWithin(value, limits)) {
      throw new InvalidArgumentError(`Allowed is ${describe('a whole number', limits)}.`);
    }
    return value;
  };
}

/** Parser of an option that takes a float32 number. */
export function float32Number(limits: Limits): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (!isAllowedFloat32(value, limits)) {
      throw new InvalidArgumentError(`Allowed is ${describe('a float32 number', limits)}.`);
    }
    return value;
  };
}

/** Parser of an option that takes a float32 number or `none`. */
export function float32NumberOrNone(limits: Limits): (text: string) => number | 'none' {
  return (text) => {
    if (text === 'none') {
      return text;
    }
    const value = toNumber(text);
    if (!isAllowedFloat32(value, limits)) {
      throw new InvalidArgumentError(
        `Allowed is ${describe('a float32 number', limits)}, or none.`,
      );
    }
    return value;
  };
}
