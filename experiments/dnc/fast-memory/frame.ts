/** What the stages of a time step share: sizes, the layout of the interface, the arrays of a step. */
import { epsilon } from '../addressing.js';
import { type InterfaceLayer, interfaceLayers, interfaceWidths } from '../parameters.js';
import type { DncSizes } from '../sizes.js';

/** Read modes with one write head. */
export const modeCount = 3;
/** Their order. */
export const [backwardMode, forwardMode, contentMode] = [0, 1, 2];

/** Where each layer's numbers start in the interface, and how many numbers it has in all. */
export interface InterfaceLayout {
  readonly starts: Readonly<Record<InterfaceLayer, number>>;
  readonly width: number;
}

/** The layers of the interface side by side, in the order of the parameters. */
export function interfaceLayout(sizes: DncSizes): InterfaceLayout {
  const widths = interfaceWidths(sizes);
  const starts: Partial<Record<InterfaceLayer, number>> = {};
  let width = 0;
  for (const layer of interfaceLayers) {
    starts[layer] = width;
    width += widths[layer];
  }
  return { starts: starts as Record<InterfaceLayer, number>, width };
}

/**
 * A time step's memory and what its derivative needs. The leading axis is always the batch's; N
 * slots, D numbers a slot, R read heads.
 */
export interface MemoryStep {
  /** [width of the interface], after the activations. */
  readonly interface: Float64Array;
  /** [N], after writing and before reading. */
  readonly writtenUsage: Float64Array;
  /** [N] */
  readonly usage: Float64Array;
  /** [N], slots from the least used on. */
  readonly order: Int32Array;
  /** [N] by slot: what the slots before it in the order leave over. */
  readonly leftOver: Float64Array;
  /** [N] */
  readonly allocation: Float64Array;
  /** [N] */
  readonly writeSimilarities: Float64Array;
  /** [N] */
  readonly writeContent: Float64Array;
  /** [N] */
  readonly writeWeights: Float64Array;
  /** [N, D] */
  readonly memory: Float64Array;
  /** [N], lengths of the slots. */
  readonly lengths: Float64Array;
  /** [N, N] */
  readonly link: Float64Array;
  /** [N] */
  readonly precedence: Float64Array;
  /** [R, N] */
  readonly readSimilarities: Float64Array;
  /** [R, N] */
  readonly readContent: Float64Array;
  /** [R, N] */
  readonly forward: Float64Array;
  /** [R, N] */
  readonly backward: Float64Array;
  /** [R, N] */
  readonly readWeights: Float64Array;
  /** [R, D] */
  readonly readWords: Float64Array;
}

/** Gradients by a step's memory, on their way from the last time step to the first. */
export type MemoryGradients = Pick<
  MemoryStep,
  'usage' | 'memory' | 'link' | 'precedence' | 'readWeights'
>;

/** Sizes, layout, and gradients of one element of the batch, which stages leave for one another. */
export interface MemoryFrame {
  readonly sizes: DncSizes;
  readonly layout: InterfaceLayout;
  readonly byReadWeights: Float64Array;
  readonly byPreviousReadWeights: Float64Array;
  readonly byWriteWeights: Float64Array;
  readonly byContent: Float64Array;
  readonly byAllocation: Float64Array;
}

export function memoryFrame(sizes: DncSizes): MemoryFrame {
  const { memorySize, readHeads } = sizes;
  return {
    sizes,
    layout: interfaceLayout(sizes),
    byReadWeights: new Float64Array(readHeads * memorySize),
    byPreviousReadWeights: new Float64Array(readHeads * memorySize),
    byWriteWeights: new Float64Array(memorySize),
    byContent: new Float64Array(memorySize),
    byAllocation: new Float64Array(memorySize),
  };
}

/** Arrays for a time step; as they are, the state before the first one. */
export function memoryStep({ sizes, layout }: MemoryFrame, batchSize: number): MemoryStep {
  const { memorySize: slots, wordSize, readHeads } = sizes;
  const array = (length: number) => new Float64Array(batchSize * length);
  return {
    interface: array(layout.width),
    writtenUsage: array(slots),
    usage: array(slots),
    order: new Int32Array(batchSize * slots),
    leftOver: array(slots),
    allocation: array(slots),
    writeSimilarities: array(slots),
    writeContent: array(slots),
    writeWeights: array(slots),
    memory: array(slots * wordSize),
    lengths: array(slots).fill(Math.sqrt(epsilon)),
    link: array(slots * slots),
    precedence: array(slots),
    readSimilarities: array(readHeads * slots),
    readContent: array(readHeads * slots),
    forward: array(readHeads * slots),
    backward: array(readHeads * slots),
    readWeights: array(readHeads * slots),
    readWords: array(readHeads * wordSize),
  };
}
