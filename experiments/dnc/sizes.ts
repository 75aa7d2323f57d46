/** Sizes of a differentiable neural computer. */
export interface DncSizes {
  /** Channels of an observation. */
  readonly inputSize: number;
  /** Channels of an output. */
  readonly outputSize: number;
  /** Units of the LSTM controller. */
  readonly hiddenSize: number;
  /** Slots of the memory. */
  readonly memorySize: number;
  /** Numbers in a slot. */
  readonly wordSize: number;
  readonly readHeads: number;
  readonly writeHeads: number;
  /** The controller's output and state and the core's output are kept within +- this value. */
  readonly clipValue: number;
}

/** The sizes of the paper's experiment: 43,980 parameters. */
export const publishedSizes: DncSizes = {
  inputSize: 6,
  outputSize: 5,
  hiddenSize: 64,
  memorySize: 16,
  wordSize: 16,
  readHeads: 4,
  writeHeads: 1,
  clipValue: 20,
};

/**
 * How a read head can address the memory: along each write head's links backward or forward, or by
 * content.
 */
export function readModeCount({ writeHeads }: DncSizes): number {
  return 1 + 2 * writeHeads;
}
