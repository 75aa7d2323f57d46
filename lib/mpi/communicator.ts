/** What steps see of the processes that train together; `tfjs-alig/mpi` makes it. */
import { shown } from '../values/shown.js';

/** The arrays that can be broadcast. */
export type SharedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * How the gradients of all ranks are added in a step: 'reproducible', in rank order in double, or 'fast', by
 * MPI's own reduction of float32.
 */
export type Reduction = (typeof reductions)[number];

export const reductions = ['reproducible', 'fast'] as const;

/**
 * The processes that train together, the ranks: `mpi` of `tfjs-alig/mpi`. Each rank calls the same methods
 * and makes the same steps in the same order. What one rank does otherwise, and its end, is an error on
 * all of them that names it.
 */
export interface Communicator {
  /** Which one this process is, from 0. */
  readonly rank: number;
  /** How many there are; 1 where the program was not started by mpirun. */
  readonly size: number;
  /**
   * How long to wait, in seconds, for ranks from which nothing comes, before that is an error. It can be
   * set, on all ranks alike. Default: what TFJS_ALIG_MPI_TIMEOUT says, else 600.
   */
  timeoutSeconds: number;
  /**
   * How gradients are added in the steps to come; to be set on all ranks alike. 'reproducible': the same bits
   * as one process over as many micro-batches, on every network. 'fast': MPI chooses the order in which it
   * adds float32, so that other numbers of ranks or another network may give other bits; all ranks have the
   * same. Default: 'reproducible'.
   */
  reduction: Reduction;
  /**
   * Whether each rank keeps and updates only its part of an optimiser's state, its shard, so that state and
   * step take 1 / size of memory and work; the bits stay the same. To be set on all ranks alike, before a step.
   * `getWeights`, and `model.save` with the optimiser, then have to be called on all ranks. On the backends
   * 'tensorflow' (without a GPU) and 'cpu'; the velocities of fusedAliGStep, which are the caller's, stay
   * whole. Default: false.
   */
  shardState: boolean;
  /** Waits until all ranks have called it. */
  barrier(): Promise<void>;
  /**
   * Overwrites an array of each rank with that of one rank.
   *
   * @param values Of the same type and length on all ranks; changed in place when the promise is fulfilled.
   * @param root The rank whose values they become. Default: 0.
   * @returns The same array.
   */
  broadcast<Values extends SharedArray>(values: Values, root?: number): Promise<Values>;
  /**
   * The sum over all ranks, of a number or of each element of an array, added in rank order in double and
   * rounded once: the same bits on all ranks.
   *
   * @param values Of the same type and length on all ranks; an array is changed in place when the promise
   * is fulfilled.
   * @returns The sum, or the same array.
   */
  sum<Values extends number | Float32Array | Float64Array>(values: Values): Promise<Values>;
  /**
   * Tells the other ranks that this one has ended; it can't be used afterwards, and repeating it does
   * nothing. A process that ends does it by itself.
   */
  dispose(): void;
  /** For steps; null: there is one process, whose steps are its own. */
  readonly [stepExchange]: StepExchange | null;
}

/** The same in all copies of the package in a process. */
export const stepExchange: unique symbol = Symbol.for('tfjs-alig.stepExchange');

/** What a rank tells of the step that it is about to make. */
export interface RankStep {
  /** Counted from 1. */
  readonly stepNumber: number;
  /** At this rank's mini-batch. */
  readonly loss: number;
  /**
   * What has to be the same on all ranks, such as options and shapes: names and what JSON holds. The error
   * of a difference names the first.
   */
  readonly agreement: () => Readonly<Record<string, unknown>>;
  /** The places of the variables without a gradient on this rank. */
  readonly without: readonly number[];
}

/** What the ranks have agreed on for a step. */
export interface AgreedStep {
  /** Their mean loss, added in rank order in double and rounded once to float32. */
  readonly loss: number;
  /** The places of the variables that have a gradient on no rank. */
  readonly without: ReadonlySet<number>;
}

/** What an engine is told that makes an exchange by itself. */
export interface ExchangeTerms {
  readonly ranks: number;
  /** By MPI's own reduction. */
  readonly fast: boolean;
  /** How long to wait. */
  readonly seconds: number;
}

/**
 * The exchanges of a step; they block until the other ranks have come to the same point, and throw an
 * Error that names the rank where one is missing, has ended or differs: on all ranks, before anything
 * was changed.
 */
export interface StepExchange extends Pick<Communicator, 'rank' | 'size' | 'shardState'> {
  /**
   * Runs what makes a step. Where that fails on this rank before it has met the others, they get an error
   * that says so in place of the step.
   */
  step<Result>(make: () => Result): Result;
  /** Before a step: compares what the ranks are about to do. */
  agree(step: RankStep): AgreedStep;
  /** Averages over the ranks, element by element, as {@link Communicator.reduction} says. */
  average(own: readonly Float32Array[], results: readonly Float32Array[]): void;
  /** An exchange by an engine that calls MPI itself; it throws where MPI fails. */
  exchangeBy<Result>(exchange: (terms: ExchangeTerms) => Result): Result;
  /** Overwrites the arrays with those of rank 0; `agreement` as {@link RankStep} has it. */
  broadcastNow(arrays: readonly SharedArray[], agreement: RankStep['agreement']): void;
  /**
   * Where this rank's shard of an array begins and ends: native/engine/shards.h.
   *
   * @param first The rank whose shard is the first.
   */
  shardOf(size: number, first: number): readonly [begin: number, end: number];
  /** Fills whole arrays, of which each rank has its shard; `firsts` are theirs. */
  gather(
    arrays: readonly Float32Array[],
    firsts: readonly number[],
    agreement: RankStep['agreement'],
  ): void;
  /** What each rank has to say, in rank order: '' for nothing. Shortened to 400 bytes. */
  tell(text: string): string[];
}

/** Checks a communicator that an option was given. */
export function checkCommunicator(owner: string, given: unknown): Communicator | null {
  if (given === null || given === undefined) return null;
  if (typeof given === 'object' && stepExchange in given) return given as Communicator;
  throw new TypeError(
    `${owner}: communicator must be mpi of 'tfjs-alig/mpi', or null for a process that trains alone, ` +
      `not ${shown(given)}.`,
  );
}
