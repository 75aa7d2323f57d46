import { warnOnce } from '../platform/warn-once.js';
import type { EngineName, StepReport } from '../rules/report.js';
import { reportOf, StepResult } from '../rules/result.js';
import { packGroups, packStep, smallestLossOf, type RuleStep } from '../rules/rule-step.js';
import { addonForSteps } from './addon.js';
import { noShards } from './exchange-words.js';
import { overlapInBuffers } from './overlap.js';
import { referenceStep } from './reference.js';

/** What a step over host arrays did, and the rule's scalars after it, until the stepper's next step. */
export interface HostOutcome {
  readonly report: StepReport;
  readonly scalars: Float64Array;
}

/** Lists of host arrays, one entry a tensor. */
export interface HostArrays {
  readonly parameters: readonly Float32Array[];
  /** Null: no gradient. */
  readonly gradients: readonly (Float32Array | null)[];
  /** The rule's arrays of each tensor, one tensor after the other. */
  readonly state: readonly Float32Array[];
}

/** Called with the places of two arrays that share memory, in the lists one after the other; throws. */
export type RefuseOverlap = (places: readonly [number, number]) => never;

function outcomeOf(result: StepResult, engine: EngineName, step: RuleStep): HostOutcome {
  return {
    report: reportOf(result.fields, engine, smallestLossOf(step)),
    scalars: result.scalars,
  };
}

/**
 * Makes steps over the same host arrays, in place: by the native add-on, or by the reference step in
 * TypeScript where that is missing, with the same bits. Where no gradient is given only the
 * projection is done, and `state` is not read.
 *
 * The arrays must keep their memory from one step to the next: to see to that is the caller's.
 *
 * @param refuseOverlap Where arrays of a user's may share memory; before anything is written.
 * @param shards As the add-on takes them, where the ranks share the state: that is what has MPI, too.
 */
export function hostStepper(
  { parameters, gradients, state }: HostArrays,
  step: RuleStep,
  refuseOverlap?: RefuseOverlap,
  shards = noShards,
): (loss: number) => HostOutcome {
  const result = new StepResult();
  const found = addonForSteps();
  if (found.addon) {
    const { addon } = found;
    const prepared = addon.prepareStep(
      parameters,
      gradients,
      state,
      packGroups(step),
      packStep(step),
      shards,
      refuseOverlap !== undefined,
    );
    if (Array.isArray(prepared)) return refuseOverlap!(prepared);
    return (loss) => {
      addon.step(prepared, loss, result.words);
      return outcomeOf(result, 'native-cpu', step);
    };
  }
  const overlap = refuseOverlap && overlapInBuffers([...parameters, ...gradients, ...state]);
  if (overlap) refuseOverlap(overlap);
  // A browser has none to miss.
  if (found.attempts.length > 0) warnOnce(found.report);
  return (loss) => {
    referenceStep(parameters, gradients, state, loss, step, result);
    return outcomeOf(result, 'typescript', step);
  };
}

/** One step over host arrays, as {@link hostStepper} makes them. */
export function stepHostArrays(
  parameters: readonly Float32Array[],
  gradients: readonly (Float32Array | null)[],
  state: readonly Float32Array[],
  loss: number,
  step: RuleStep,
  shards?: Int32Array,
): HostOutcome {
  return hostStepper({ parameters, gradients, state }, step, undefined, shards)(loss);
}
