import { addonState } from '#addon';
import { warnOnce } from '../platform/warn-once.js';
import { referenceStep } from '../step/reference.js';
import {
  RESULT_WORDS,
  unpackReport,
  unpackScalars,
  type EngineName,
  type StepReport,
} from '../step/report.js';
import { packGroups, packStep, smallestLossOf, type RuleStep } from '../step/rule-step.js';

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
  const read = (result: Int32Array, engine: EngineName) => ({
    report: unpackReport(result, engine, smallestLossOf(step)),
    scalars: unpackScalars(result),
  });
  const found = addonState();
  if (found.addon) {
    const result = new Int32Array(RESULT_WORDS);
    const words = packStep(step);
    found.addon.step(parameters, gradients, state, packGroups(step), loss, words, result);
    return read(result, 'native-cpu');
  }
  // A browser has none to miss.
  if (found.attempts.length > 0) warnOnce(found.report);
  const result = referenceStep(parameters, gradients, state, loss, step);
  return read(result, 'typescript');
}
