import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs-node';

import type { FinishedRun } from './experiment.js';

/** Writes the numbers of all logged steps as TensorBoard event files, one folder a run. */
export function writeEventFiles(runs: readonly FinishedRun[], folder: string): void {
  for (const { id, steps } of runs) {
    const writer = tf.node.summaryFileWriter(join(folder, id));
    for (const { step, ...record } of steps) {
      for (const [name, value] of Object.entries(record)) {
        if (typeof value === 'number') {
          writer.scalar(name, value, step);
        }
      }
    }
    writer.flush();
  }
}
