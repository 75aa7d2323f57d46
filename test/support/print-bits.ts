/**
 * Takes the steps of the table of cases on the engine over host arrays, by each instruction set of
 * this processor on one and on three threads, and prints a hash of the bits of each case: a program
 * of its own, so that an emulated processor can run it and its output be compared with another's.
 * Fails where the bits are not those of the reference.
 */
import { createHash } from 'node:crypto';
import { stepHostArrays } from '../../lib/engines/host.js';
import { addonState } from '../../lib/platform/addon.js';
import { setThreadCount } from '../../lib/platform/threads.js';
import { resultDifference, runCase, runReference, type CaseResult } from './engine-comparison.js';
import type { StepCase } from '../step-cases/step-case.js';
import { stepCases } from '../step-cases/table.js';

const state = addonState();
if (!state.addon) throw new Error(state.report);
const { addon, path } = state;

/** Sign and payload of a NaN are the processor's own affair. */
function withOneNaN(array: Float32Array | Float64Array): Float32Array | Float64Array {
  return array.map((value) => (Number.isNaN(value) ? NaN : value));
}

function hashOf({ parameters, state: states, scalars, reports }: CaseResult): string {
  const hash = createHash('sha256');
  for (const array of [...parameters, ...states, ...scalars]) hash.update(withOneNaN(array));
  hash.update(JSON.stringify(reports.map((report) => ({ ...report, engine: null }))));
  return hash.digest('hex');
}

console.error(`${process.arch}, ${path}: ${addon.instructionSets.join(', ')}`);
// An emulated processor takes 1 us an element, 20 times as long: the largest are left out, and of the
// 83 million elements of all cases 46 million remain, with some on several threads.
const largest = 1.2e6;
const elementsOf = ({ sizes, steps }: StepCase) => steps * sizes.reduce((sum, n) => sum + n, 0);
for (const stepCase of stepCases.filter((each) => elementsOf(each) < largest)) {
  const expected = runReference(stepCase);
  for (const instructionSet of addon.instructionSets) {
    addon.setInstructionSet(instructionSet);
    for (const threads of [1, 3]) {
      setThreadCount(threads);
      const computed = runCase(stepCase, ({ parameters, gradients, state: own }, loss, step) =>
        stepHostArrays(parameters, gradients, own, loss, step),
      );
      const engine = computed.reports[0]?.engine;
      const difference = resultDifference(computed, expected);
      if (engine !== 'native-cpu' || difference !== undefined) {
        throw new Error(
          `${stepCase.title}: ${engine}, ${instructionSet}, ${threads} threads: ${difference}`,
        );
      }
    }
  }
  console.log(`${hashOf(expected)} ${stepCase.title}`);
}
