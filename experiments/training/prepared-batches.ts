import { Worker } from 'node:worker_threads';

import type { Batch, BatchMaker, BatchSource, Place } from './batches.js';

/** The mini-batches of a run, one after another. */
export interface BatchStream<Content extends Batch> {
  /** Says which batches come from here on; what was made for other places is dropped. */
  begin(places: Iterator<Place>): void;
  /** The batch of the next place. */
  next(): Promise<Content>;
  dispose(): void;
}

/** What the thread is given. */
export interface PreparationInput {
  readonly module: string;
  readonly data: unknown;
}

/**
 * So many batches are asked for ahead. With one, the thread would stand still from its end to the
 * next step's; more than a few only take memory.
 */
const batchesAhead = 3;

/** Batches that a thread makes while TensorFlow, which blocks this one, computes. */
class PreparedBatches<Content extends Batch> implements BatchStream<Content> {
  readonly #thread: Worker;
  #places: Iterator<Place> = [].values();
  readonly #made: Content[] = [];
  /** Asked for and not yet made. */
  #asked = 0;
  /** Of those asked for: made for places that no longer come. */
  #stale = 0;
  #failure: Error | null = null;
  #wake: () => void = () => undefined;

  constructor({ module, data }: BatchSource) {
    const workerData: PreparationInput = { module: module.href, data };
    this.#thread = new Worker(new URL('./preparation-thread.js', import.meta.url), { workerData });
    // A process that has nothing else to do ends, as without the thread.
    this.#thread.unref();
    this.#thread.on('message', (batch: Content) => {
      this.#asked -= 1;
      if (this.#stale > 0) {
        this.#stale -= 1;
      } else {
        this.#made.push(batch);
      }
      this.#wake();
    });
    this.#thread.on('error', (cause: unknown) => {
      // Errors of another thread are none of this one's classes.
      const { message } = cause as Error;
      this.#fail(new Error(`A batch could not be made: ${message}`, { cause }));
    });
    this.#thread.on('exit', (exitCode) => {
      this.#fail(new Error(`The thread that prepares batches ended with exit code ${exitCode}.`));
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #ask(): void {
    while (this.#asked - this.#stale + this.#made.length < batchesAhead) {
      const place = this.#places.next();
      if (place.done === true) {
        return;
      }
      this.#asked += 1;
      this.#thread.postMessage(place.value);
    }
  }

  begin(places: Iterator<Place>): void {
    this.#places = places;
    this.#made.length = 0;
    this.#stale = this.#asked;
    this.#ask();
  }

  async next(): Promise<Content> {
    // Otherwise the process would end while this one is waited for.
    this.#thread.ref();
    try {
      for (;;) {
        const batch = this.#made.shift();
        if (batch !== undefined) {
          this.#ask();
          return batch;
        }
        if (this.#failure !== null) {
          throw this.#failure;
        }
        if (this.#asked === 0) {
          throw new Error('All batches that were begun have been taken.');
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#thread.unref();
    }
  }

  dispose(): void {
    this.#thread.removeAllListeners();
    void this.#thread.terminate();
  }
}

/** Batches that are made when they are needed. */
class BatchesInThisThread<Content extends Batch> implements BatchStream<Content> {
  readonly #make: BatchMaker<Content>;
  #places: Iterator<Place> = [].values();

  constructor(make: BatchMaker<Content>) {
    this.#make = make;
  }

  begin(places: Iterator<Place>): void {
    this.#places = places;
  }

  next(): Promise<Content> {
    const place = this.#places.next();
    if (place.done === true) {
      throw new Error('All batches that were begun have been taken.');
    }
    return Promise.resolve(this.#make(place.value));
  }

  dispose(): void {
    // There is nothing to end.
  }
}

/** A module of a {@link BatchSource}. */
export interface BatchModule<Content extends Batch> {
  readonly batchMaker: (data: unknown) => BatchMaker<Content>;
}

/**
 * Opens the batches of a source. They are the same whether a thread prepares them ahead or not.
 *
 * @param options.ahead Whether a thread does. Default: true.
 */
export async function openBatches<Content extends Batch>(
  source: BatchSource,
  { ahead = true }: { readonly ahead?: boolean } = {},
): Promise<BatchStream<Content>> {
  if (ahead) {
    return new PreparedBatches(source);
  }
  const { batchMaker } = (await import(source.module.href)) as BatchModule<Content>;
  return new BatchesInThisThread(batchMaker(source.data));
}
