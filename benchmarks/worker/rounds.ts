import { setTimeout as sleep } from 'node:timers/promises';
import type { ContenderProcess } from './process.js';

/** How long and how often each contender is timed. */
export interface Rounds {
  readonly count: number;
  /** A turn makes as many steps as take about so long, so that the first one's cache misses and
   * the clock's resolution do not matter. */
  readonly turnMilliseconds: number;
}

export const standardRounds: Rounds = { count: 11, turnMilliseconds: 20 };
export const quickRounds: Rounds = { count: 2, turnMilliseconds: 1 };

/** Rounds that do not count: the first finds out how long a step takes. */
const warmUpRounds = 2;

/**
 * What is not timed before the first round, in turns' lengths, until JavaScript has been compiled:
 * fusedAliGStep over 1,000 parameters takes 16 us before and 4 after.
 */
const warmUpTurns = 10;
const mostWarmUpSteps = 5000;

/** Most steps of one turn. */
const mostSteps = 200;

/**
 * What is not timed at the beginning of each turn, in turns' lengths, until the caches are as in a
 * loop of steps: 3 ms of the 14 that a step over 25.6 million parameters took after one untimed step
 * went away with the third, on a processor whose last cache has 480 MB.
 */
const untimedTurns = 2.5;

/** Steps that take longer go through more memory than a cache has, and do without. */
const longStepMilliseconds = 100;

/**
 * Between two turns: GNU's OpenMP threads (PyTorch) go on spinning for some milliseconds after a
 * loop, TensorFlow's for less, and would take a core from the next contender.
 */
const pauseMilliseconds = 5;

function stepsIn(milliseconds: number, stepMilliseconds: number, most: number): number {
  return Math.min(most, Math.max(1, Math.round(milliseconds / stepMilliseconds)));
}

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
  const untimed = contenders.map(() => 1);
  const times = contenders.map(() => new Map<string, number[]>());
  for (let round = -warmUpRounds; round < count; round++) {
    for (const [i, contender] of contenders.entries()) {
      await sleep(pauseMilliseconds);
      const { milliseconds } = await contender.ask('turn', {
        steps: steps[i]!,
        untimed: untimed[i]!,
      });
      if (round < 0) {
        const longest = Math.max(...Object.values(milliseconds));
        steps[i] = stepsIn(turnMilliseconds, longest, mostSteps);
        if (longest > longStepMilliseconds) untimed[i] = 0;
        else if (round === -warmUpRounds) {
          untimed[i] = stepsIn(warmUpTurns * turnMilliseconds, longest, mostWarmUpSteps);
        } else untimed[i] = stepsIn(untimedTurns * turnMilliseconds, longest, mostSteps);
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
