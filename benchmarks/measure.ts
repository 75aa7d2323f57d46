import * as tf from '@tensorflow/tfjs-core';
import { tolerance, type Contender, type Runner } from './contenders.js';
import type { Workload } from './workload.js';

/** Steps that every contender makes before its parameters are compared. */
const comparedSteps = 3;

/** Rounds that are not timed: after a change of contenders the first ones run up to twice as long. */
const warmUpRounds = 2;

interface Prepared {
  readonly contender: Contender;
  readonly runner: Runner;
}

function checkEngine({ contender, runner }: Prepared, workload: Workload): void {
  if (contender.engine === null) return;
  const { engine, status, projected } = runner.report!();
  const expected = `${contender.engine}, taken, ${workload.maxNorm === null ? 'not ' : ''}projected`;
  const actual = `${engine}, ${status}, ${projected ? '' : 'not '}projected`;
  if (actual !== expected) {
    throw new Error(`${contender.name}: the step was '${actual}' instead of '${expected}'`);
  }
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return (
    Buffer.compare(
      Buffer.from(a.buffer, a.byteOffset, a.byteLength),
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    ) === 0
  );
}

/** The largest difference as a part of the largest value; NaN where there is one. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    largest = Math.max(largest, Math.abs(a[i]!));
  }
  return difference / largest;
}

/** Throws unless the contender's parameters agree with those of our step on host arrays. */
function checkParameters({ contender, runner }: Prepared, first: Prepared, ball: boolean): void {
  const { agreement } = contender;
  if (agreement === 'none' || (agreement === 'close without ball' && ball)) return;
  const expected = [...first.runner.parameters()];
  let tensor = 0;
  for (const values of runner.parameters()) {
    const wanted = expected[tensor]!;
    const agrees =
      agreement === 'exact'
        ? sameBits(wanted, values)
        : largestDifference(wanted, values) <= tolerance;
    if (!agrees) {
      throw new Error(
        `${contender.name} and ${first.contender.name} differ in tensor ${tensor} by ` +
          `${largestDifference(wanted, values)} of its largest value`,
      );
    }
    tensor++;
  }
  if (tensor !== expected.length) {
    throw new Error(`${contender.name} has ${tensor} tensors instead of ${expected.length}`);
  }
}

async function onBackend<Result>(contender: Contender, run: () => Result): Promise<Result> {
  // Outside of all timed parts: a change of backend sets up its kernels again.
  if (tf.getBackend() !== contender.backend) await tf.setBackend(contender.backend);
  return run();
}

/**
 * Milliseconds of each contender, one a round. Contenders take turns, so that what disturbs the
 * machine for a while disturbs all of them. A contender's results are checked before any time
 * counts, against those of the first one.
 *
 * @throws Error where a contender's results or engine are not what they should be.
 */
export async function measure(
  contenders: readonly Contender[],
  workload: Workload,
  rounds: number,
): Promise<Map<string, number[]>> {
  const prepared: Prepared[] = [];
  try {
    for (const contender of contenders) {
      const runner = await onBackend(contender, () => contender.prepare(workload));
      const entry = { contender, runner };
      prepared.push(entry);
      await onBackend(contender, () => {
        for (let i = 0; i < comparedSteps; i++) runner.step();
        checkEngine(entry, workload);
        checkParameters(entry, prepared[0]!, workload.maxNorm !== null);
      });
    }
    const times = new Map(contenders.map(({ name }): [string, number[]] => [name, []]));
    for (let round = -warmUpRounds; round < rounds; round++) {
      for (const entry of prepared) {
        const milliseconds = await onBackend(entry.contender, () => {
          const start = performance.now();
          entry.runner.step();
          return performance.now() - start;
        });
        if (round >= 0) times.get(entry.contender.name)!.push(milliseconds);
      }
    }
    for (const entry of prepared) checkEngine(entry, workload);
    return times;
  } finally {
    for (const { contender, runner } of prepared) {
      await onBackend(contender, () => {
        runner.dispose();
      });
    }
  }
}
