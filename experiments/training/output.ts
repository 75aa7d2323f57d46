import { join } from 'node:path';

import { lockOf, type RunPaths } from '../runner/files.js';

/** The run's curves over the steps. */
export const chartFileName = 'curves.svg';

/** The files of a training that is made by itself. Its log has JSON lines: the run, and every step. */
export function singleRunPaths(folder: string): RunPaths {
  return {
    log: join(folder, 'log.jsonl'),
    partialLog: join(folder, 'log.partial.jsonl'),
    checkpoint: join(folder, 'checkpoint'),
    lock: lockOf(folder),
  };
}
