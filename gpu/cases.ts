import { stepHostArrays } from '../lib/engines/host.js';
import { resultDifference, runCase, runDeviceBuffers } from '../test/support/engine-comparison.js';
import { stepCases } from '../test/step-cases/table.js';

export interface CaseResults {
  readonly compared: number;
  /** Steps on the GPU and on the CPU give other bits: where, first. */
  readonly differences: readonly { readonly title: string; readonly difference: string }[];
}

/** Runs the cases of at most `mostElements` on the GPU and on the CPU and compares every bit. */
export function compareCases(mostElements: number, say: (line: string) => void): CaseResults {
  const cases = stepCases.filter(
    ({ sizes }) => sizes.reduce((sum, size) => sum + size, 0) <= mostElements,
  );
  const differences: { title: string; difference: string }[] = [];
  for (const stepCase of cases) {
    const onCpu = runCase(stepCase, ({ parameters, gradients, state }, loss, step) =>
      stepHostArrays(parameters, gradients, state, loss, step),
    );
    if (onCpu.reports.some(({ engine }) => engine !== 'native-cpu')) {
      throw new Error('The native add-on is missing: npx tfjs-alig build');
    }
    const difference = resultDifference(runDeviceBuffers(stepCase), onCpu);
    if (difference !== undefined) differences.push({ title: stepCase.title, difference });
    say(`${difference === undefined ? 'same bits' : 'DIFFERS  '}  ${stepCase.title}`);
  }
  return { compared: cases.length, differences };
}
