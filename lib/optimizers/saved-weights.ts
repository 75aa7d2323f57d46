/** What getWeights gives of an optimiser beside the arrays of state, and setWeights takes back. */
import { Tensor } from '@tensorflow/tfjs-core';
import { hostTensor } from '../engines/host-tensor.js';
import type { Rule } from '../rules/rule.js';
import { MOST_SCALARS } from '../rules/rule-step.js';
import { copiedList, isGone } from '../step/checks.js';
import { shown } from '../values/shown.js';
import type { NamedTensor } from './state.js';
import { fromTfjs } from './tfjs-state.js';

/** Names of the weights that precede the arrays of state. */
const scalarsName = 'scalars';
const stepsName = 'steps';

/** The largest number of steps that the engines can count, an int32, with one more to come. */
const mostSteps = 2 ** 31 - 2;

/** Throws a TypeError unless this is a list of {name, tensor}. */
function checkedWeights(owner: string, weights: unknown): readonly NamedTensor[] {
  if (!Array.isArray(weights)) {
    throw new TypeError(
      `${owner}: setWeights takes a list of {name, tensor}, what getWeights gave, not ` +
        `${shown(weights)}.`,
    );
  }
  return copiedList(weights).map((each, i) => {
    const { name, tensor } = (each ?? {}) as { name?: unknown; tensor?: Tensor };
    if (typeof name !== 'string' || !(tensor instanceof Tensor)) {
      throw new TypeError(
        `${owner}: setWeights takes what getWeights gave, and weight ${i} is no {name, tensor} but ` +
          `${typeof name === 'string' ? `has the tensor ${shown(tensor)}` : shown(each)}.`,
      );
    }
    if (isGone(tensor))
      throw new Error(`${owner}: weight ${name} is disposed; keep it until then.`);
    return { name, tensor };
  });
}

/** Throws a RangeError unless this can be a number of steps taken. */
function checkedStepCount(owner: string, name: string, count: unknown): number {
  if (Number.isInteger(count) && (count as number) >= 0 && (count as number) <= mostSteps) {
    return count as number;
  }
  throw new RangeError(
    `${owner}: setWeights: ${name} must hold numbers of steps, whole numbers from 0 to ${mostSteps}, ` +
      `not ${shown(count)}; the saved weights are damaged, take an earlier save.`,
  );
}

/** The scalars of a rule out of the int32 pairs that were saved. */
function checkedScalars(
  owner: string,
  rule: Rule,
  dtype: string,
  words: ArrayLike<number>,
): Float64Array {
  const scalars = new Float64Array(Int32Array.from(words).buffer);
  const bad = rule.scalars.findIndex((_, i) => !Number.isFinite(scalars[i]));
  if (dtype === 'int32' && bad === -1) return scalars;
  throw new RangeError(
    `${owner}: setWeights: ${scalarsName} must hold finite doubles (${rule.scalars.join(', ')}) as pairs ` +
      `of int32, not ${dtype === 'int32' ? `${scalars[bad]!} as ${rule.scalars[bad]!}` : dtype}; the ` +
      'saved weights are damaged, take an earlier save.',
  );
}

/** Doubles as the int32 pairs of their bits: tfjs has no float64 tensors. */
function wordsOf(doubles: Float64Array): Int32Array {
  return new Int32Array(doubles.slice().buffer);
}

/** What an optimiser knows that is not of one variable's state. */
export interface SavedCounts {
  /** Steps taken. */
  readonly iterations: number;
  /** The rule's, then zeros: MOST_SCALARS doubles. */
  readonly scalars: Float64Array;
  /** Steps that each variable has taken; null: all of them. */
  readonly steps: readonly number[] | null;
}

/** The weights that precede the arrays of state, in host memory. */
export function weightsOf(rule: Rule, { iterations, scalars, steps }: SavedCounts): NamedTensor[] {
  const weights = [{ name: 'iter', tensor: hostTensor(Int32Array.of(iterations), []) }];
  const add = (name: string, values: Int32Array) => {
    weights.push({ name, tensor: hostTensor(values, [values.length]) });
  };
  if (rule.scalars.length > 0) add(scalarsName, wordsOf(scalars.subarray(0, rule.scalars.length)));
  if (rule.usesStepNumber) add(stepsName, Int32Array.from(steps ?? []));
  return weights;
}

/**
 * Reads what {@link weightsOf} gave, with the arrays of state behind it, and what optimisers of tfjs give.
 *
 * @throws TypeError or RangeError where names or numbers do not fit.
 */
export async function readWeights(
  owner: string,
  rule: Rule,
  weights: unknown,
): Promise<SavedCounts & { readonly state: readonly NamedTensor[] }> {
  const given = checkedWeights(owner, weights);
  const taken = given[0] ? (await given[0].tensor.data())[0] : undefined;
  const state = [...fromTfjs(rule, given, taken ?? 0)];
  const iterations = state.shift();
  const scalars = rule.scalars.length > 0 ? state.shift() : undefined;
  const steps = rule.usesStepNumber ? state.shift() : undefined;
  if (
    iterations?.tensor.size !== 1 ||
    (scalars?.tensor.size ?? 0) !== 2 * rule.scalars.length ||
    (rule.usesStepNumber && !steps)
  ) {
    throw new RangeError(
      `${owner}: setWeights takes what getWeights gave: the number of steps, then ` +
        (rule.scalars.length > 0 ? `the ${rule.scalars.join(', ')}, then ` : '') +
        (rule.usesStepNumber ? 'the number of steps of each variable, then ' : '') +
        (rule.state.length > 0 ? `the ${rule.state.join(', ')} of each variable.` : 'nothing.'),
    );
  }
  const count = checkedStepCount(owner, iterations.name, taken);
  const scalarWords = await scalars?.tensor.data();
  const restored = new Float64Array(MOST_SCALARS);
  if (scalarWords) restored.set(checkedScalars(owner, rule, scalars!.tensor.dtype, scalarWords));
  return {
    iterations: count,
    scalars: restored,
    steps: steps
      ? Array.from(await steps.tensor.data(), (each) => checkedStepCount(owner, steps.name, each))
      : null,
    state,
  };
}
