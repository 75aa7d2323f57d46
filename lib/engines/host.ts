import { warnOnce } from '../platform/warn-once.js';
import { referenceStep } from './reference.js';
import type { EngineName, StepReport } from '../rules/report.js';
import { reportOf, StepResult } from '../rules/result.js';
import { packGroups, packStep, smallestLossOf, type RuleStep } from '../rules/rule-step.js';
import { addonForSteps } from './addon.js';

/**
 * One step over host arrays, in place: by the native add-on, or by the reference step in TypeScript
 * where that is missing, with the same bits. Lists have one entry a tensor, `state` the rule's
 * arrays of each tensor, one tensor after the other. Where no gradient is given only the projection
 * is done, and `state` is not read.
 */
export function stepHostArrays(
  parameters: readonly Float32Array[],
  gradients: readonly (Float32Array | null)[],
  state: readonly Float32Array[],
  loss: number,
  step: RuleStep,
): { readonly report: StepReport; readonly scalars: Float64Array } {
  const result = new StepResult();
  const read = (engine: EngineName) => ({
    report: reportOf(result.fields, engine, smallestLossOf(step)),
    scalars: result.scalars,
  });
  const found = addonForSteps();
  if (found.addon) {
    const words = packStep(step);
    found.addon.step(parameters, gradients, state, packGroups(step), loss, words, result.words);
    return read('native-cpu');
  }
  // A browser has none to miss.
  if (found.attempts.length > 0) warnOnce(found.report);
  referenceStep(parameters, gradients, state, loss, step, result);
  return read('typescript');
}
