/** The host's share of a step: what it takes whatever the number of elements is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceBuffer, fusedAliGStep, prepareAliGStep } from '../../lib/index.js';
import { describeMachine, type Machine } from '../machine.js';
import { summarise, type Summary } from '../statistics.js';
import { emptyLibrary } from './empty-library.js';

export interface HostResult {
  readonly name: string;
  readonly tensors: number;
  /** Of one step, in milliseconds. */
  readonly step: Summary;
}

export interface HostResults {
  readonly machine: Machine;
  readonly steps: readonly HostResult[];
}

/** So few that the arithmetic of a host step takes next to nothing. */
const elements = 16;

const settings = { maxLearningRate: 0.1, momentum: 0.9 };

type Flat = Float32Array | DeviceBuffer;

const kinds: Readonly<Record<string, () => Flat>> = {
  DeviceBuffer: () => DeviceBuffer.zeros(elements),
  Float32Array: () => new Float32Array(elements).fill(0.5),
};

interface Contender {
  readonly name: string;
  readonly tensors: number;
  readonly step: () => void;
  readonly milliseconds: number[];
}

function contendersOf(tensors: number): Contender[] {
  return Object.entries(kinds).flatMap(([kind, make]) => {
    const list = () => Array.from({ length: tensors }, make) as DeviceBuffer[];
    const lists = { parameters: list(), gradients: list(), velocities: list(), ...settings };
    const prepared = prepareAliGStep(lists);
    const steps = {
      [`fusedAliGStep, ${kind}`]: () => fusedAliGStep({ ...lists, loss: 0.5 }),
      [`prepareAliGStep, ${kind}`]: () => prepared.step(0.5),
    };
    return Object.entries(steps).map(([name, step]) => ({
      ...{ name, tensors, step },
      milliseconds: [],
    }));
  });
}

/**
 * Times single steps in turns. A step over DeviceBuffers is one of an engine that does nothing, which
 * is compiled first; it must be the first that this process loads.
 */
export function runHost({ quick }: { quick: boolean }): HostResults {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-empty-'));
  try {
    process.env.TFJS_ALIG_CUDA_LIBRARY = emptyLibrary(folder);
    const machine = describeMachine();
    const contenders = (quick ? [2] : [20, 160, 1000]).flatMap(contendersOf);
    const untimed = quick ? 1 : 2000;
    for (let round = -untimed; round < (quick ? 2 : 1000); round++) {
      for (const { step, milliseconds } of contenders) {
        const start = performance.now();
        step();
        if (round >= 0) milliseconds.push(performance.now() - start);
      }
    }
    return {
      machine,
      steps: contenders.map(({ name, tensors, milliseconds }) => ({
        ...{ name, tensors },
        step: summarise(milliseconds),
      })),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
