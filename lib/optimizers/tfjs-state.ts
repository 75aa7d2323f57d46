import type { Rule } from '../rules/rule.js';
import { hostTensor } from '../engines/host-tensor.js';
import type { NamedTensor } from './state.js';

/** What tfjs calls our arrays of state, where they hold the same numbers. */
const tfjsNames: Readonly<Record<string, string>> = {
  firstMoment: 'm',
  secondMoment: 'v',
  momentumBuffer: 'momentum',
  accumulator: 'accumulator',
};

/**
 * The weights of tf.train.adam, momentum or adagrad in the order of this package's: tfjs gives an array
 * of state of all variables after the other, and has one number of steps for all of them. Anything
 * else is given back as it is.
 *
 * @param steps The number of steps taken.
 */
export function fromTfjs(
  rule: Rule,
  weights: readonly NamedTensor[],
  steps: number,
): readonly NamedTensor[] {
  const [iterations, ...arrays] = weights;
  const count = rule.state.length;
  const variables = arrays.length / count;
  const isOfTfjs =
    count > 0 &&
    arrays.length > 0 &&
    Number.isInteger(variables) &&
    arrays.every(({ name }, i) => {
      const suffix = tfjsNames[rule.state[Math.floor(i / variables)]!];
      return suffix !== undefined && name.endsWith(`/${suffix}`);
    });
  if (!isOfTfjs || !iterations) return weights;
  const perVariable = Array.from({ length: variables }, (_, i) =>
    rule.state.map((array, k) => {
      const { name, tensor } = arrays[k * variables + i]!;
      return { name: name.replace(/[^/]*$/, array), tensor };
    }),
  ).flat();
  const counts = hostTensor(new Int32Array(variables).fill(steps), [variables]);
  return [
    iterations,
    ...(rule.usesStepNumber ? [{ name: 'steps', tensor: counts }] : []),
    ...perVariable,
  ];
}
