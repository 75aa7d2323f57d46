/** Measures the memory itself, over arrays as long as all tensors of a case together. */
import { loadBandwidth } from '../bandwidth.js';
import { timeSteps, type Runner } from '../worker/protocol.js';
import type { Workload } from '../step/workload.js';

/** One measurement of the memory, by the name of its times. */
export interface MemoryPass {
  readonly part: string;
  readonly text: string;
  /** That the text says are moved, for one element. */
  readonly bytes: (momentum: boolean, projecting: boolean) => number;
}

/** The part whose time a step is compared with. */
export const floorPart = 'floor';

/** All measurements, in the order of the tables. */
export const memoryPasses: readonly MemoryPass[] = [
  { part: 'read', text: 'read', bytes: () => 4 },
  { part: 'copy', text: 'copy', bytes: () => 8 },
  { part: 'copyStreaming', text: 'copy, streaming stores', bytes: () => 8 },
  { part: 'triad', text: 'triad', bytes: () => 12 },
  { part: floorPart, text: 'step in place: the floor', bytes: stepBytes },
  { part: 'outOfPlace', text: 'step, new parameters', bytes: stepBytes },
  {
    part: 'outOfPlaceStreaming',
    text: 'step, new parameters, streaming stores',
    bytes: stepBytes,
  },
];

/**
 * Bytes a parameter that a fused step has to move: the gradient for its norm (4); gradient and
 * parameter, and the velocity where there is one, and what is written of them (12, 20); parameters
 * once more, read and written, in a projection (8).
 */
export function stepBytes(momentum: boolean, projecting: boolean): number {
  return 4 + (momentum ? 20 : 12) + (projecting ? 8 : 0);
}

/** Makes arrays in memory that has been touched; `name` is that of the floor, or 'others'. */
export function prepare(name: string, input: unknown): Promise<Runner> {
  const { sizes, threads, momentum, maxNorm } = input as Workload;
  const bandwidth = loadBandwidth();
  const elements = sizes.reduce((sum, size) => sum + size, 0);
  const array = () => new Float32Array(elements).fill(1);
  const [gradient, parameter] = [array(), array()];
  const velocity = momentum === 0 ? null : array();
  const ofFloor = name === floorPart;
  // The floor has to fit where nothing else does, and keeps to the arrays of a step.
  const newParameter = ofFloor ? parameter : array();
  const projecting = maxNorm !== null;
  const step = (target: Float32Array, streaming: boolean) => () =>
    bandwidth.stepPasses(gradient, parameter, target, velocity, projecting, streaming, threads);
  const passes: Readonly<Record<string, () => unknown>> = {
    read: () => bandwidth.read(gradient, threads),
    copy: () => {
      bandwidth.copy(gradient, newParameter, threads);
    },
    triad: () => {
      bandwidth.triad(gradient, parameter, newParameter, threads);
    },
    [floorPart]: step(parameter, false),
    outOfPlace: step(newParameter, false),
    ...(bandwidth.hasStreamingStores && {
      copyStreaming: () => {
        bandwidth.copyStreaming(gradient, newParameter, threads);
      },
      outOfPlaceStreaming: step(newParameter, true),
    }),
  };
  const chosen = Object.entries(passes).filter(([part]) => (part === floorPart) === ofFloor);
  return Promise.resolve({
    turn: (steps) =>
      Object.fromEntries(
        chosen.map(([part, pass]) => {
          // The pass before has left other arrays in the caches.
          if (!ofFloor) pass();
          return [part, timeSteps(pass)(steps)['step']!];
        }),
      ),
  });
}
