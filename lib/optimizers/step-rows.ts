import type { Tensor } from '@tensorflow/tfjs-core';
import type { Group } from '../rules/rule.js';
import type { RuleStep } from '../rules/rule-step.js';
import type { RuleConfiguration } from './configuration.js';

/**
 * The rows of a step: variables of the same group that have taken as many steps. Only those that
 * have a gradient make one: a row is part of the mean step size that is reported.
 *
 * @param groupNumbers The group of each variable; -1: of none.
 * @param stepCounts Steps that each variable has taken.
 */
export function stepRows(
  { rule, settings: own, groupSettings }: RuleConfiguration,
  groupNumbers: ArrayLike<number>,
  stepCounts: readonly number[],
  gradients: readonly (Tensor | null)[],
): Pick<RuleStep, 'groups' | 'groupOf'> {
  const rows: Group[] = [];
  const rowNumbers = new Map<number, number>();
  const groupOf = new Int32Array(stepCounts.length);
  stepCounts.forEach((steps, i) => {
    if (!gradients[i]) return;
    const stepNumber = rule.usesStepNumber ? steps + 1 : 1;
    const group = groupNumbers[i]!;
    // A number for the two: text would be made for each variable of each step.
    const key = (group + 1) * 2 ** 32 + stepNumber;
    let row = rowNumbers.get(key);
    if (row === undefined) {
      const settings = group === -1 ? own : groupSettings[group]!;
      row = rows.push({ settings, stepNumber }) - 1;
      rowNumbers.set(key, row);
    }
    groupOf[i] = row;
  });
  return { groups: rows, groupOf: rows.length === 1 ? null : groupOf };
}
