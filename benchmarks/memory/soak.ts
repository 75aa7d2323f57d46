import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { linearRegression } from 'simple-statistics';
import { contenders, type Contender } from '../contenders/list.js';
import type { Case } from '../step/cases.js';
import { elementsOf } from '../step/shapes.js';
import { makeWorkload } from '../step/workload.js';
import { summarise } from '../statistics.js';
import { ContenderProcess, threadVariables } from '../worker/process.js';

/** The memory of one contender's process over many steps. */
export interface SoakResult {
  readonly name: string;
  readonly tensors: number;
  readonly elements: number;
  readonly steps: number;
  /** Before the first step, with parameters and gradients, and after every hundredth of the steps. */
  readonly residentBytes: readonly number[];
  /** The largest at any time, the making of the inputs included. */
  readonly peakBytes: number;
  /** Median of the second half. */
  readonly steadyBytes: number;
  /** Slope of the second half, a step. */
  readonly growthBytesPerStep: number;
  /** What the steps have added to parameters and gradients, a parameter. */
  readonly addedBytesPerParameter: number;
  /** Tensors that tfjs counts after the first and after the last hundredth; null: none of its. */
  readonly tensorsAtFirst: number | null;
  readonly tensorsAtLast: number | null;
}

const samples = 100;

async function soak(
  contender: Contender,
  tested: Case,
  steps: number,
  folder: string,
): Promise<SoakResult> {
  const stepsASample = Math.ceil(steps / samples);
  const inputs = join(folder, 'inputs.f32');
  const input = makeWorkload(tested, inputs);
  const child = new ContenderProcess(
    contender.name,
    contender.command(''),
    threadVariables(tested.threads),
  );
  try {
    await child.ask('prepare', { input });
    const residentBytes = [(await child.ask('memory', {})).residentBytes];
    const tensors: (number | null)[] = [];
    let peakBytes = 0;
    for (let sample = 0; sample < samples; sample++) {
      await child.ask('turn', { steps: stepsASample, untimed: 0 });
      const use = await child.ask('memory', {});
      residentBytes.push(use.residentBytes);
      tensors.push(use.tensors);
      peakBytes = use.peakBytes;
    }
    const half = residentBytes.slice(samples / 2);
    const { median } = summarise(half);
    const { m: slope } = linearRegression(half.map((bytes, i) => [i * stepsASample, bytes]));
    const elements = elementsOf(tested.shape);
    return {
      name: contender.name,
      tensors: tested.shape.sizes.length,
      elements,
      steps: samples * stepsASample,
      residentBytes,
      peakBytes,
      steadyBytes: median,
      growthBytesPerStep: slope,
      addedBytesPerParameter: (median - residentBytes[0]!) / elements,
      tensorsAtFirst: tensors[0]!,
      tensorsAtLast: tensors.at(-1)!,
    };
  } finally {
    await child.stop();
    rmSync(inputs, { force: true });
  }
}

/** The memory of every named contender over many steps of a case, one process after the other. */
export async function runSoak(
  names: readonly string[],
  tested: Case,
  steps: number,
  folder: string,
): Promise<SoakResult[]> {
  const results: SoakResult[] = [];
  for (const name of names) {
    console.error(`${steps} steps over ${tested.shape.name}: ${name}`);
    const contender = contenders.find((each) => each.name === name)!;
    results.push(await soak(contender, tested, steps, folder));
  }
  return results;
}
