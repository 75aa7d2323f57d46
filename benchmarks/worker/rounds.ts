import { setTimeout as sleep } from 'node:timers/promises';
import type { ContenderProcess } from './process.js';

/** How long and how often each contender is timed. */
export interface Rounds {
  readonly count: number;
  /** A turn makes as many steps as take about so long, so that the first one's cache misses and
   * the clock's resolution do not matter. */
  readonly turnMilliseconds: number;
}

export const standardRounds: Rounds = { count: 21, turnMilliseconds: 20 };
export const quickRounds: Rounds = { count: 2, turnMilliseconds: 1 };

/** Rounds that are not timed. */
const warmUpRounds = 2;

/** Most steps of one turn. */
const mostSteps = 200;

/**
 * Between two turns: GNU's OpenMP threads (PyTorch) go on spinning for some milliseconds after a
 * loop, TensorFlow's for less, and would take a core from the next contender.
 */
const pauseMilliseconds = 5;

/** Milliseconds of a step by part, one entry a round. */
export type TimesByPart = ReadonlyMap<string, readonly number[]>;

/**
 * Lets contenders take turns until each has been timed in every round. Returns their times in the
 * order of the contenders.
 */
export async function takeTurns(
  contenders: readonly ContenderProcess[],
  { count, turnMilliseconds }: Rounds,
): Promise<TimesByPart[]> {
  const steps = contenders.map(() => 1);
  const times = contenders.map(() => new Map<string, number[]>());
  for (let round = -warmUpRounds; round < count; round++) {
    for (const [i, contender] of contenders.entries()) {
      await sleep(pauseMilliseconds);
      const { milliseconds } = await contender.ask('turn', {
        steps: steps[i]!,
        // What other contenders did to the caches. A step that fills a turn by itself does not
        // find its arrays there either.
        untimed: steps[i]! > 1 ? 1 : 0,
      });
      if (round < 0) {
        const wanted = Math.round(turnMilliseconds / Math.max(...Object.values(milliseconds)));
        steps[i] = Math.min(mostSteps, Math.max(1, wanted));
        continue;
      }
      for (const [part, value] of Object.entries(milliseconds)) {
        const list = times[i]!.get(part);
        if (list) list.push(value);
        else times[i]!.set(part, [value]);
      }
    }
  }
  return times;
}
