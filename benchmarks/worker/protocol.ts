/** What the measuring process and a contender's process say to each other: a line of JSON each. */

/** Milliseconds of one step by part, a mean over the steps of a turn. */
export type Times = Readonly<Record<string, number>>;

/** Of a contender's libraries and its interpreter. */
export type Versions = Readonly<Record<string, string>>;

/** What a contender says of its last step or of its work. */
export type Details = Readonly<Record<string, string | number | boolean>>;

export interface MemoryUse {
  readonly residentBytes: number;
  /** The largest that residentBytes has been since the process started. */
  readonly peakBytes: number;
  /** Tensors that tfjs counts; null where it is not loaded. */
  readonly tensors: number | null;
}

/** Requests by name, each with what it takes and what it answers. */
export interface Requests {
  /** Makes a contender ready; `input` is what its module takes. */
  prepare: {
    readonly takes: { readonly input: unknown };
    readonly answers: { readonly versions: Versions };
  };
  /** Makes a number of steps after one that is not timed. */
  turn: {
    readonly takes: { readonly steps: number; readonly untimed: number };
    readonly answers: { readonly milliseconds: Times };
  };
  /** Writes all parameters to a file, one tensor after the other, as float32 in host order. */
  write: { readonly takes: { readonly file: string }; readonly answers: Record<string, never> };
  /** What the last step was. */
  details: { readonly takes: object; readonly answers: { readonly details: Details } };
  memory: { readonly takes: object; readonly answers: MemoryUse };
}

/** One way of doing the work, inside its own process. */
export interface Runner {
  /** Makes steps and returns when the results of the last one are there. */
  turn(steps: number): Times;
  /** Of those whose results are compared. */
  parameters?(): Iterable<Float32Array>;
  versions?(): Versions;
  details?(): Details;
  /** Tensors that tfjs counts, where it is loaded. */
  tensors?(): number;
}

/** The module of a contender. */
export interface WorkerModule {
  prepare(name: string, input: unknown): Promise<Runner>;
}

/** Times steps that have no parts of their own. */
export function timeSteps(step: () => void): Runner['turn'] {
  return (steps) => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) step();
    return { step: (performance.now() - start) / steps };
  };
}
