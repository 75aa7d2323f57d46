import { setImmediate } from 'node:timers/promises';
import {
  MessageChannel,
  receiveMessageOnPort,
  Worker,
  type MessagePort,
} from 'node:worker_threads';

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
  /** Where it is told places and answers with their batches. */
  readonly port: MessagePort;
  /** Its first number changes with every batch that is made. */
  readonly made: Int32Array;
}

/**
 * So many batches are asked for ahead. With one, the thread would stand still from its end to the
 * next step's; more than a few only take memory.
 */
const batchesAhead = 3;

/** After so long without a batch it is looked whether the thread is still there. */
const millisecondsBetweenLooks = 100;

/** Batches that a thread makes while TensorFlow, which blocks this one, computes. */
class PreparedBatches<Content extends Batch> implements BatchStream<Content> {
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #made = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #places: Iterator<Place> = [].values();
  /** Asked for and not yet taken. */
  #asked = 0;
  /** Of those asked for: for places that no longer come. */
  #stale = 0;
  #failure: Error | null = null;

  constructor({ module, data }: BatchSource) {
    const { port1, port2 } = new MessageChannel();
    const workerData: PreparationInput = {
      module: module.href,
      data,
      port: port2,
      made: this.#made,
    };
    this.#port = port1;
    this.#thread = new Worker(new URL('./preparation-thread.js', import.meta.url), {
      workerData,
      transferList: [port2],
    });
    // A process that has nothing else to do ends, as without the thread.
    this.#thread.unref();
    this.#thread.on('error', (cause: unknown) => {
      // Errors of another thread are none of this one's classes.
      const { message } = cause as Error;
      this.#failure ??= new Error(`A batch could not be made: ${message}`, { cause });
    });
    this.#thread.on('exit', (exitCode) => {
      this.#failure ??= new Error(
        `The thread that prepares batches ended with exit code ${exitCode}.`,
      );
    });
  }

  #ask(): void {
    while (this.#asked - this.#stale < batchesAhead) {
      const place = this.#places.next();
      if (place.done === true) {
        return;
      }
      this.#asked += 1;
      this.#port.postMessage(place.value);
    }
  }

  begin(places: Iterator<Place>): void {
    this.#places = places;
    this.#stale = this.#asked;
    this.#ask();
  }

  /** A batch that was made, the stale ones passed over; null: the thread is still at it. */
  #take(): Content | null {
    for (;;) {
      // Without the event loop, which would have to come round first.
      const received = receiveMessageOnPort(this.#port) as { message: Content } | undefined;
      if (received === undefined) {
        return null;
      }
      this.#asked -= 1;
      if (this.#stale === 0) {
        return received.message;
      }
      this.#stale -= 1;
    }
  }

  async next(): Promise<Content> {
    if (this.#asked === this.#stale) {
      throw new Error('All batches that were begun have been taken.');
    }
    for (;;) {
      const made = Atomics.load(this.#made, 0);
      const batch = this.#take();
      if (batch !== null) {
        this.#ask();
        return batch;
      }
      if (this.#failure !== null) {
        throw this.#failure;
      }
      Atomics.wait(this.#made, 0, made, millisecondsBetweenLooks);
      // The end of the thread is told by the event loop.
      await setImmediate();
    }
  }

  dispose(): void {
    this.#thread.removeAllListeners();
    this.#port.close();
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
