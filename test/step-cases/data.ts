/** The arrays of a case, from a seed; engine_cases.cc of native/test makes the same. */
import { randomNumbers } from '../support/random.js';
import { onEdge } from './orders.js';
import type { StepCase } from './step-case.js';

export interface StepData {
  readonly parameters: Float32Array[];
  readonly gradients: (Float32Array | null)[];
  /** The rule's arrays of each tensor, one tensor after the other. */
  readonly state: Float32Array[];
}

/** Arrays of state that hold squares. */
const nonNegative = new Set(['secondMoment', 'maxSecondMoment', 'squareAverage', 'accumulator']);

/** Which of a rule's arrays of state have no negative numbers, by their numbers. */
export function nonNegativeStates({ step }: StepCase): number[] {
  return step.rule.state.flatMap((name, k) => (nonNegative.has(name) ? [k] : []));
}

function generate(stepCase: StepCase): StepData {
  const { sizes, orderSeed, step } = stepCase;
  const random = randomNumbers(orderSeed ?? 20_200_426);
  const arrays = (scale: number) =>
    sizes.map((size) => {
      const array = new Float32Array(size);
      for (let i = 0; i < size; i++) array[i] = (2 * random() - 1) * scale;
      return array;
    });
  const putFlaw = (array: Float32Array | undefined, flaw: number | null) => {
    if (array !== undefined && flaw !== null) array[Math.floor(array.length / 2)] = flaw;
  };
  const parameters = arrays(stepCase.parameterScale);
  const gradients = arrays(stepCase.gradientScale);
  const lists = step.rule.state.map(() => arrays(stepCase.stateScale));
  for (const k of nonNegativeStates(stepCase)) {
    lists[k] = lists[k]!.map((array) => array.map(Math.abs));
  }
  if (orderSeed !== null) {
    onEdge(gradients, random);
    onEdge(parameters, random);
  }
  putFlaw(gradients.at(-1), stepCase.gradientFlaw);
  putFlaw(parameters.at(-1), stepCase.parameterFlaw);
  putFlaw(lists.at(-1)?.at(-1), stepCase.stateFlaw);
  return {
    parameters,
    gradients: gradients.map((array, i) => (stepCase.withoutGradient.includes(i) ? null : array)),
    state: sizes.flatMap((_, i) => lists.map((list) => list[i]!)),
  };
}

// Of the last case alone: 30 million elements take 2 s to make and 0.1 s to copy.
let generated: { readonly stepCase: StepCase; readonly data: StepData } | undefined;

/** Arrays of a case, the same values at each call; parameters and state are fresh copies. */
export function dataOf(stepCase: StepCase): StepData {
  if (generated?.stepCase !== stepCase) generated = { stepCase, data: generate(stepCase) };
  const { parameters, gradients, state } = generated.data;
  return {
    parameters: parameters.map((array) => array.slice()),
    gradients,
    state: state.map((array) => array.slice()),
  };
}
