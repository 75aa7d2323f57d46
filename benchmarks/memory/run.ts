import { mkdtempSync, rmSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  floorCommand,
  hostName,
  momentumName,
  plainName,
  tensorFlowName,
} from '../contenders/list.js';
import { floorPart, stepBytes } from '../contenders/memory.js';
import { describeMachine, requireAddon, type Machine } from '../machine.js';
import { summarise, type Summary } from '../statistics.js';
import { uniformShape, type Shape } from '../step/shapes.js';
import { ContenderProcess, nodeCommand, threadVariables, type Command } from '../worker/process.js';
import { takeTurns, type Rounds } from '../worker/rounds.js';
import { period, type LargeInput } from './large.js';
import { runSoak, type SoakResult } from './soak.js';

/** One step over one tensor of more than 2^31 bytes. */
export interface LargeResult extends LargeInput {
  readonly name: string;
  /** That the step has to move. */
  readonly bytesPerElement: number;
  /** Null: it did not fit into the memory. */
  readonly measured: {
    readonly milliseconds: readonly number[];
    readonly step: Summary;
    readonly residentBytes: number;
    /** The passes of the floor over arrays as long, in a process before and one after. */
    readonly floor: Summary;
  } | null;
}

export interface MemoryResults {
  readonly machine: Machine;
  readonly soak: readonly SoakResult[];
  readonly large: readonly LargeResult[];
}

interface Sizes {
  /** Many steps, which show what grows; and large tensors, which show the state's size. */
  readonly soaks: readonly { readonly shape: Shape; readonly steps: number }[];
  /** In host arrays, and in tensors, of which TensorFlow holds more copies while they are made. */
  readonly host: number;
  readonly tensors: number;
  readonly rounds: Rounds;
}

const standardSizes: Sizes = {
  soaks: [
    { shape: uniformShape(160, 16_000), steps: 10_000 },
    { shape: uniformShape(160, 160_000), steps: 200 },
  ],
  host: 1_000_000_000,
  tensors: 600 * period,
  rounds: { count: 7, turnMilliseconds: 1 },
};
const quickSizes: Sizes = {
  soaks: [{ shape: uniformShape(20, 500), steps: 100 }],
  host: 2_000_000,
  tensors: 2 * period,
  rounds: { count: 2, turnMilliseconds: 1 },
};

const large = new URL('large.js', import.meta.url);

/**
 * Bytes a parameter at the peak: over host arrays in place; over tensors as measured, with what
 * TensorFlow keeps of tensors that have been disposed of.
 */
function bytesNeeded(name: string, momentum: number): number {
  return name === 'tensors' ? 18 + (momentum === 0 ? 0 : 8) : 8 + (momentum === 0 ? 0 : 4);
}

/** Runs a process alone: two of this size do not fit into the memory together. */
async function timeAlone(
  command: Command,
  input: unknown,
  part: string,
  { threads, rounds }: { readonly threads: number; readonly rounds: Rounds },
) {
  const child = new ContenderProcess(part, command, threadVariables(threads));
  try {
    await child.ask('prepare', { input });
    const [times] = await takeTurns([child], rounds);
    const { residentBytes } = await child.ask('memory', {});
    return { milliseconds: times!.get(part)!, residentBytes };
  } finally {
    await child.stop();
  }
}

async function measureLarge(
  name: 'host' | 'tensors',
  input: LargeInput,
  how: { readonly threads: number; readonly rounds: Rounds },
): Promise<LargeResult> {
  const { elements, momentum, projecting } = input;
  const title = name === 'host' ? hostName : tensorFlowName;
  const bytesPerElement = stepBytes(momentum !== 0, projecting);
  console.error(`1 x ${elements}: ${title}, momentum ${momentum}, ball ${String(projecting)}`);
  if (bytesNeeded(name, momentum) * elements > 0.9 * freemem()) {
    console.error('  left out: too little free memory');
    return { name: title, ...input, bytesPerElement, measured: null };
  }
  const floorInput = {
    sizes: [elements],
    threads: how.threads,
    momentum,
    maxNorm: projecting ? 1 : null,
  };
  const floor = () => timeAlone(floorCommand, floorInput, floorPart, how);
  const before = await floor();
  const { milliseconds, residentBytes } = await timeAlone(
    nodeCommand(large, name),
    input,
    'step',
    how,
  );
  const after = await floor();
  return {
    name: title,
    ...input,
    bytesPerElement,
    measured: {
      milliseconds,
      step: summarise(milliseconds),
      residentBytes,
      floor: summarise([...before.milliseconds, ...after.milliseconds]),
    },
  };
}

/** Measures what steps hold over time, and steps over tensors of more than 2^31 bytes. */
export async function runMemory(options: { readonly quick: boolean }): Promise<MemoryResults> {
  const sizes = options.quick ? quickSizes : standardSizes;
  const threads = requireAddon().getThreadCount();
  const machine = describeMachine();
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-bench-'));
  try {
    const soak: SoakResult[] = [];
    for (const { shape, steps } of sizes.soaks) {
      soak.push(
        ...(await runSoak(
          [hostName, tensorFlowName, plainName, momentumName],
          { shape, threads, momentum: 0.9, projecting: true },
          steps,
          folder,
        )),
      );
    }
    const how = { threads, rounds: sizes.rounds };
    const results: LargeResult[] = [];
    for (const momentum of [0, 0.9]) {
      for (const projecting of [false, true]) {
        const input = { elements: sizes.host, momentum, projecting };
        results.push(await measureLarge('host', input, how));
      }
      const input = { elements: sizes.tensors, momentum, projecting: false };
      results.push(await measureLarge('tensors', input, how));
    }
    return { machine, soak, large: results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
