import { closeSync, openSync, writeSync } from 'node:fs';

import type { RunEnvironment } from './environment.js';

/** First line of a log: all that the numbers after it depend on. */
export interface RunRecord<Configuration, Engine extends string | null> extends RunEnvironment {
  readonly type: 'run';
  readonly configuration: Configuration;
  /** What carried out the optimiser's steps. */
  readonly engine: Engine;
}

/** A file of JSON lines. Every line is on disk when `write` returns, so a broken run keeps its log. */
export class RunLog<Entry extends { readonly type: string }> {
  readonly #file: number;

  /** Makes the file; one that is there already is an error, because it is another run's. */
  constructor(path: string) {
    this.#file = openSync(path, 'wx');
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
