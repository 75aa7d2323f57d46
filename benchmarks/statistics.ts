import { max, median, min } from 'simple-statistics';

/** Of times that were measured in rounds. */
export interface Summary {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

export function summarise(values: readonly number[]): Summary {
  const list = [...values];
  return { median: median(list), minimum: min(list), maximum: max(list) };
}

/** The ratio within each round: what disturbs the machine for a while disturbs both. */
export function ratios(dividends: readonly number[], divisors: readonly number[]): Summary {
  return summarise(dividends.map((value, round) => value / divisors[round]!));
}
