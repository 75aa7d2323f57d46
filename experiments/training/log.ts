import { closeSync, openSync, writeSync } from 'node:fs';

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
