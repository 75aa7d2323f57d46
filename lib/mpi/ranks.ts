import { createHash } from 'node:crypto';
import { checkChoice } from '../options/choice.js';
import type { Addon } from '../platform/addon.js';
import { shown } from '../values/shown.js';
import {
  reductions,
  stepExchange,
  type AgreedStep,
  type Communicator,
  type ExchangeTerms,
  type RankStep,
  type Reduction,
  type SharedArray,
  type StepExchange,
} from './communicator.js';
import {
  MOST_TEXT_BYTES,
  packRecord,
  unpackRecords,
  type RankRecord,
  type RecordKind,
} from './records.js';

const owner = 'tfjs-alig/mpi';

/** What has to be the same on all ranks, by name. */
type Agreement = Readonly<Record<string, unknown>>;

/** The functions of the add-on that ranks need. */
export type MpiAddon = Pick<
  Addon,
  | 'mpiExchange'
  | 'mpiExchangeLater'
  | 'mpiAverage'
  | 'mpiShard'
  | 'mpiGather'
  | 'mpiBroadcast'
  | 'mpiBroadcastLater'
  | 'mpiSumLater'
  | 'mpiLeave'
  | 'mpiFinalize'
>;

/** How long a rank that fails waits for the others to hear of it, so that each can say so. */
const secondsToLeave = 3;

const gathers: RecordKind = 'gathers the shards of its state';

const remedyOfShards =
  'mpi.shardState has to be the same on all ranks, and with it getWeights and model.save called on all of them.';

function bytesOf(array: SharedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function digestOf(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where two agreements differ: the first name, with both values. */
function firstDifference(own: Agreement, other: Agreement): [string, unknown, unknown] {
  const names = [...new Set([...Object.keys(own), ...Object.keys(other)])];
  const name = names.find((each) => JSON.stringify(own[each]) !== JSON.stringify(other[each]))!;
  const [one, two] = [own[name], other[name]];
  const isTable = (value: unknown): value is Agreement =>
    typeof value === 'object' && value !== null;
  if (!isTable(one) || !isTable(two)) return [name, one, two];
  const [inner, ...values] = firstDifference(one, two);
  return [Array.isArray(one) ? `${name}[${inner}]` : `${name}.${inner}`, ...values];
}

function valueText(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/** The ranks of a process, over the functions of the add-on. */
export class Ranks implements Communicator, StepExchange {
  /** Why nothing can be exchanged any more; null: it can. */
  private end: string | null = null;
  /** What is under way on a thread of Node's pool; null: nothing. */
  private busy: string | null = null;
  private queue: Promise<unknown> = Promise.resolve();
  private left = false;
  /** A step is being made. */
  private stepping = false;
  /** How often the ranks have met for a step, apart from what has been broadcast before it. */
  private meetings = 0;
  /** An exchange has failed for want of messages: MPI is not to be waited for any more. */
  private broken = false;
  private seconds: number;
  private reductionOfSteps: Reduction = 'reproducible';
  private shards = false;

  constructor(
    private readonly addon: MpiAddon,
    readonly rank: number,
    readonly size: number,
    timeoutSeconds: number,
  ) {
    this.seconds = timeoutSeconds;
  }

  get [stepExchange](): StepExchange | null {
    return this.size > 1 ? this : null;
  }

  get timeoutSeconds(): number {
    return this.seconds;
  }

  set timeoutSeconds(seconds: number) {
    if (!(Number.isFinite(seconds) && seconds > 0)) {
      throw new RangeError(
        `${owner}: timeoutSeconds must be a positive number, not ${shown(seconds)}.`,
      );
    }
    this.seconds = seconds;
  }

  get reduction(): Reduction {
    return this.reductionOfSteps;
  }

  set reduction(reduction: Reduction) {
    this.reductionOfSteps = checkChoice(owner, 'reduction', reduction, reductions);
  }

  get shardState(): boolean {
    return this.shards;
  }

  set shardState(shards: boolean) {
    if (typeof shards !== 'boolean') {
      throw new TypeError(`${owner}: shardState must be true or false, not ${shown(shards)}.`);
    }
    this.shards = shards;
  }

  /** Compares the versions of the package; the first exchange of all ranks. */
  start(version: string): void {
    const records = this.meet('starts', packRecord('starts', { text: version }));
    const other = records.findIndex(({ text }) => text !== records[0]!.text);
    if (other === -1) return;
    throw new Error(
      `${owner}: rank ${other} runs tfjs-alig ${records[other]!.text} and rank 0 ` +
        `${records[0]!.text}; install the same version everywhere.`,
    );
  }

  barrier(): Promise<void> {
    return this.later('barrier()', async () => {
      await this.meetLater('calls barrier()', {});
    });
  }

  broadcast<Values extends SharedArray>(values: Values, root = 0): Promise<Values> {
    const given: unknown = values;
    const types = [Float32Array, Float64Array, Int32Array, Uint8Array];
    if (!types.some((type) => given instanceof type)) {
      throw new TypeError(
        `${owner}: broadcast takes one of ${types.map(({ name }) => name).join(', ')}, not ` +
          `${shown(given)}.`,
      );
    }
    if (!Number.isInteger(root) || root < 0 || root >= this.size) {
      throw new RangeError(
        `${owner}: root must be a rank, from 0 to ${this.size - 1}, not ${shown(root)}.`,
      );
    }
    return this.later('broadcast()', async () => {
      const agreement = { root, type: values.constructor.name, length: values.length };
      await this.meetLater('calls broadcast()', agreement);
      const bytes = await this.guarded(() =>
        this.addon.mpiBroadcastLater(bytesOf(values), root, this.seconds),
      );
      bytesOf(values).set(bytes);
      return values;
    });
  }

  sum<Values extends number | Float32Array | Float64Array>(values: Values): Promise<Values> {
    const given: unknown = values;
    const array = typeof given === 'number' ? Float64Array.of(given) : given;
    if (!(array instanceof Float32Array || array instanceof Float64Array)) {
      throw new TypeError(
        `${owner}: sum takes a number, a Float32Array or a Float64Array, not ${shown(values)}.`,
      );
    }
    return this.later('sum()', async () => {
      const doubles = array instanceof Float64Array;
      const agreement = { type: array.constructor.name, length: array.length };
      await this.meetLater('calls sum()', agreement);
      const bytes = await this.guarded(() =>
        this.addon.mpiSumLater(bytesOf(array), doubles, this.seconds),
      );
      if (typeof values === 'number') return new Float64Array(bytes.buffer)[0] as Values;
      bytesOf(array).set(bytes);
      return values;
    });
  }

  dispose(): void {
    this.leave('it has disposed of its communicator', 0);
  }

  /** At the end of the process. */
  exit(exitCode: number, reason: string | undefined): void {
    if (this.busy !== null) return;
    if (exitCode !== 0) {
      this.leave(reason ?? `its process ends with exit code ${exitCode}`, secondsToLeave);
      // Without MPI_Finalize mpirun ends the others.
      return;
    }
    this.leave('its process has come to its end', 0);
    if (!this.broken) this.addon.mpiFinalize();
  }

  step<Result>(make: () => Result): Result {
    // minimize calls applyGradients.
    if (this.stepping) return make();
    this.stepping = true;
    const before = this.meetings;
    try {
      return make();
    } catch (error) {
      if (this.meetings === before) this.refuse(error);
      throw error;
    } finally {
      this.stepping = false;
    }
  }

  agree({ stepNumber, loss, agreement, without }: RankStep): AgreedStep {
    const { reduction, shardState } = this;
    const content = { step: stepNumber, reduction, shardState, ...agreement() };
    const text = without.length > 0 ? JSON.stringify(without) : '';
    const digest = digestOf(JSON.stringify(content));
    const record = packRecord('makes a step', { number: stepNumber, loss, digest, text });
    this.meetings++;
    const records = this.meet('makes a step', record);
    this.compare(records, content);
    const lists = this.wholeTexts(records, text).map(
      (each) => new Set(each === '' ? [] : (JSON.parse(each) as number[])),
    );
    let sum = 0;
    for (const each of records) sum += Math.fround(each.loss);
    return {
      loss: Math.fround(sum / this.size),
      without: new Set([...lists[0]!].filter((place) => lists.every((list) => list.has(place)))),
    };
  }

  average(own: readonly Float32Array[], results: readonly Float32Array[]): void {
    this.exchangeBy(({ ranks, fast, seconds }) => {
      this.addon.mpiAverage(own, results, ranks, fast, seconds);
    });
  }

  exchangeBy<Result>(exchange: (terms: ExchangeTerms) => Result): Result {
    const { size: ranks, reduction, seconds } = this;
    return this.guardedNow(() => exchange({ ranks, fast: reduction === 'fast', seconds }));
  }

  broadcastNow(arrays: readonly SharedArray[], agreement: () => Agreement): void {
    this.exchangeArrays('broadcasts its parameters', arrays, agreement, () => {
      for (const array of arrays) {
        const bytes = bytesOf(array);
        bytes.set(this.addon.mpiBroadcast(bytes, 0, this.seconds));
      }
    });
  }

  shardOf(size: number, first: number): readonly [number, number] {
    return this.addon.mpiShard(size, first, this.rank, this.size);
  }

  gather(
    arrays: readonly Float32Array[],
    firsts: readonly number[],
    agreement: () => Agreement,
  ): void {
    this.exchangeArrays(
      gathers,
      arrays,
      () => ({ ...agreement(), firsts }),
      () => {
        this.addon.mpiGather(arrays, Int32Array.from(firsts), this.seconds);
      },
    );
  }

  tell(text: string): string[] {
    const record = packRecord('tells what it has', { text });
    return this.meet('tells what it has', record).map((each) => each.text);
  }

  /** An exchange of arrays that is not a step: `meetings` counts it only while it goes on, or has failed. */
  private exchangeArrays(
    kind: RecordKind,
    arrays: readonly SharedArray[],
    agreement: () => Agreement,
    exchange: () => void,
  ): void {
    const content = { ...agreement(), bytes: arrays.map(({ byteLength }) => byteLength) };
    const digest = digestOf(JSON.stringify(content));
    this.meetings++;
    this.compare(this.meet(kind, packRecord(kind, { digest })), content);
    this.guardedNow(exchange);
    this.meetings--;
  }

  /** In place of the others' next meeting. */
  private refuse(error: unknown): void {
    if (this.end !== null || this.busy !== null) return;
    try {
      this.records(packRecord('has failed in its step', { text: messageOf(error) }));
    } catch {
      // What its user needs is the error that made this rank fail.
    }
  }

  /** Ends this rank's part, once. */
  private leave(text: string, seconds: number): void {
    if (this.left) return;
    this.left = true;
    if (!this.addon.mpiLeave(packRecord('has ended', { text }), seconds) && seconds > 0) {
      this.broken = true;
    }
    this.end ??= text;
  }

  private assertUsable(): void {
    if (this.end !== null) {
      throw new Error(`${owner}: rank ${this.rank} cannot go on with the others: ${this.end}.`);
    }
  }

  /** An exchange that failed for want of messages, or of MPI itself. */
  private failed(error: unknown): Error {
    const message = messageOf(error);
    this.broken = true;
    this.end ??= message;
    return new Error(
      `${owner}: rank ${this.rank} of ${this.size}: ${message}. A rank that takes longer needs another ` +
        'timeoutSeconds (TFJS_ALIG_MPI_TIMEOUT).',
      { cause: error },
    );
  }

  private guardedNow<Result>(exchange: () => Result): Result {
    this.assertUsable();
    if (this.busy !== null) {
      throw new Error(`${owner}: ${this.busy} has not finished; await it before the next step.`);
    }
    try {
      return exchange();
    } catch (error) {
      throw this.failed(error);
    }
  }

  private async guarded<Result>(exchange: () => Promise<Result>): Promise<Result> {
    this.assertUsable();
    try {
      return await exchange();
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Runs one method after the other; a step may not come between. */
  private later<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
    const result = this.queue.then(async () => {
      this.busy = name;
      try {
        return await run();
      } finally {
        this.busy = null;
      }
    });
    this.busy ??= name;
    this.queue = result.catch(() => undefined);
    return result;
  }

  private records(record: Uint8Array): RankRecord[] {
    return unpackRecords(
      this.guardedNow(() => this.addon.mpiExchange(record, this.size, this.seconds)),
    );
  }

  /** The records of all ranks, which are about to do the same. */
  private meet(kind: RecordKind, record: Uint8Array): RankRecord[] {
    const records = this.records(record);
    this.checkKinds(kind, records);
    return records;
  }

  private async meetLater(kind: RecordKind, agreement: Agreement): Promise<void> {
    const text = JSON.stringify(agreement);
    const records = unpackRecords(
      await this.guarded(() =>
        this.addon.mpiExchangeLater(packRecord(kind, { text }), this.size, this.seconds),
      ),
    );
    this.checkKinds(kind, records);
    this.checkTexts(
      records,
      records.map((each) => each.text),
    );
  }

  private checkKinds(kind: RecordKind, records: readonly RankRecord[]): void {
    const other = records.findIndex((each) => each.kind !== kind);
    if (other === -1) return;
    const { kind: does, text } = records[other]!;
    const remedy = [kind, does].includes(gathers) ? remedyOfShards : '';
    if (does === 'has ended') {
      this.end ??= `rank ${other} has ended: ${text}`;
      throw new Error(
        `${owner}: rank ${other} has ended while rank ${this.rank} ${kind}: ${text}. ` +
          (remedy || 'All ranks have to take the same number of steps.'),
      );
    }
    if (does === 'has failed in its step') {
      throw new Error(
        `${owner}: rank ${other} has failed in its step, so that no rank takes it: ${text}`,
      );
    }
    throw new Error(
      `${owner}: rank ${other} ${does} while rank ${this.rank} ${kind}; all ranks have to do the same ` +
        `in the same order. ${remedy}`.trimEnd(),
    );
  }

  /** Compares what all ranks have to have in common; the texts are exchanged where they differ. */
  private compare(records: readonly RankRecord[], own: Agreement): void {
    const digests = records.map(({ digest }) => String(digest));
    if (digests.every((digest) => digest === digests[0])) return;
    const text = JSON.stringify(own);
    const lengths = this.meet('tells what it has', packRecord('tells what it has', { text }));
    this.checkTexts(records, this.wholeTexts(lengths, text));
  }

  private checkTexts(records: readonly RankRecord[], texts: readonly string[]): void {
    const other = texts.findIndex((text) => text !== texts[0]);
    if (other === -1) return;
    const [first, second] = [texts[0]!, texts[other]!].map((text) => JSON.parse(text) as Agreement);
    const [name, one, two] = firstDifference(first!, second!);
    throw new Error(
      `${owner}: the ranks differ where one ${records[0]!.kind}: ${name} is ${valueText(two)} on rank ` +
        `${other} and ${valueText(one)} on rank 0; start all ranks with the same program and options.`,
    );
  }

  /** The texts of all ranks; exchanged whole where one is longer than a record. */
  private wholeTexts(records: readonly RankRecord[], own: string): string[] {
    const most = Math.max(...records.map(({ textBytes }) => textBytes));
    if (most <= MOST_TEXT_BYTES) return records.map(({ text }) => text);
    // A record that does not begin with 0, which is that of an end.
    const sent = new Uint8Array(most + 4).fill(1, 0, 4);
    sent.set(new TextEncoder().encode(own), 4);
    const all = this.guardedNow(() => this.addon.mpiExchange(sent, this.size, this.seconds));
    return records.map(({ textBytes }, rank) => {
      const start = rank * sent.length + 4;
      return new TextDecoder().decode(all.subarray(start, start + textBytes));
    });
  }
}
