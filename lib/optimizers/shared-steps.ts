import { tensor as makeTensor, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import {
  agreeOnStep,
  whereNotFiniteOnRanks,
  type AgreedPart,
  type OwnPart,
} from '../engines/agreed-step.js';
import { readStateNow, replaceValue } from '../engines/engine.js';
import {
  checkCommunicator,
  stepExchange,
  type Communicator,
  type RankStep,
  type StepExchange,
} from '../mpi/communicator.js';
import { NonFiniteError, type whereNotFinite } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';

/** The option of every optimiser that makes its steps those of many processes. */
export interface SharedStepOptions {
  /**
   * `mpi` of 'tfjs-alig/mpi': each process computes loss and gradients of a mini-batch of its own, and a
   * step is made with their averages, in all processes with the same bits. Before the first step
   * parameters and state become those of rank 0. Null: the process trains alone. It is not saved; where
   * an optimiser was loaded, `optimizer.communicator` sets it. Default: null.
   */
  communicator?: Communicator | null;
}

/** An optimiser's state as the ranks exchange it. */
export interface SharedState {
  readonly variables: readonly Variable[];
  /** The rule's arrays of each variable. */
  readonly state: readonly Tensor[];
  /** Numbers of steps, scalars. */
  readonly numbers: Float64Array;
}

function shapesOf(tensors: readonly Tensor[]): (readonly number[])[] {
  return tensors.map(({ shape }) => shape);
}

/** What an optimiser does for its steps to be those of all ranks; nothing where it trains alone. */
export class SharedSteps {
  private communicatorInUse: Communicator | null;
  /** Whether this rank's parameters and state are those of the others. */
  private synchronized = false;

  /** @throws TypeError where the communicator is none. */
  constructor(
    private readonly owner: string,
    communicator: unknown,
  ) {
    this.communicatorInUse = checkCommunicator(owner, communicator);
  }

  get communicator(): Communicator | null {
    return this.communicatorInUse;
  }

  /** Between steps; parameters and state are then broadcast anew. */
  set communicator(communicator: Communicator | null) {
    this.communicatorInUse = checkCommunicator(this.owner, communicator);
    this.synchronized = false;
  }

  /** Whether parameters and state have to be exchanged before the next step. */
  get isNew(): boolean {
    return this.exchange !== null && !this.synchronized;
  }

  private get exchange(): StepExchange | null {
    return this.communicatorInUse?.[stepExchange] ?? null;
  }

  /** What the ranks share the state by; null: each has all of it. */
  get sharing(): StepExchange | null {
    const { exchange } = this;
    return exchange?.shardState ? exchange : null;
  }

  /** Runs what reads the state, in shards or not; where that fails, ranks may have missed each other. */
  readState<Result>(read: (exchange: StepExchange | null) => Result): Result {
    try {
      return read(this.exchange);
    } catch (error) {
      this.synchronized = false;
      throw error;
    }
  }

  /** Makes a step; where that fails before the ranks have met for it, it fails on all of them. */
  run<Result>(make: () => Result): Result {
    const { exchange } = this;
    if (!exchange) return make();
    try {
      return exchange.step(make);
    } catch (error) {
      // Others may have come on this rank alone, after the step that the other ranks have taken.
      if (!(error instanceof NonFiniteError)) this.synchronized = false;
      throw error;
    }
  }

  /** Before the loss of the first step is computed: gives the variables the values of rank 0. */
  shareParameters(variables: readonly Variable[]): void {
    if (this.isNew) this.broadcast({ variables, state: [], numbers: new Float64Array(0) });
  }

  /** Before the first step: what rank 0 has; `numbers` are overwritten, new tensors of state returned. */
  shareState(shared: SharedState): Tensor[] {
    return this.broadcast(shared);
  }

  /**
   * What a step of all ranks is made with: averages, and with {@link sharing} the own gradients; null
   * where this process trains alone.
   */
  agree(
    own: Omit<OwnPart, 'agreement' | 'sharded'>,
    agreement: RankStep['agreement'],
  ): AgreedPart | null {
    const { exchange } = this;
    if (!exchange) return null;
    return agreeOnStep(exchange, {
      ...own,
      sharded: this.sharing !== null,
      agreement: () => ({
        optimizer: this.owner,
        ...agreement(),
        shapes: shapesOf(own.variables),
        synchronized: this.synchronized,
      }),
    });
  }

  /** A step was taken on all ranks. */
  taken(): void {
    this.synchronized = true;
  }

  /** As {@link whereNotFiniteOnRanks}; `suspects` and `ownLoss` are this rank's. */
  whereNotFinite(
    report: StepReport,
    suspects: Parameters<typeof whereNotFinite>[1],
    ownLoss: number | Tensor,
  ): string {
    return whereNotFiniteOnRanks(this.exchange, report, suspects, ownLoss);
  }

  private broadcast({ variables, state, numbers }: SharedState): Tensor[] {
    const { exchange, communicatorInUse } = this;
    const values = [...variables, ...state].map(readStateNow);
    exchange!.broadcastNow([...values, numbers], () => ({
      optimizer: this.owner,
      shapes: shapesOf(variables),
    }));
    const newState = values
      .slice(variables.length)
      .map((array, i) => makeTensor(array, state[i]!.shape, 'float32'));
    if (communicatorInUse!.rank !== 0) {
      variables.forEach((variable, i) => {
        replaceValue(variable, makeTensor(values[i]!, variable.shape, 'float32'));
      });
    }
    return newState;
  }
}
