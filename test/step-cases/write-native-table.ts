/**
 * Writes the table of cases to a file for native/test/engine_cases.cc, which says what it holds:
 *
 *     node dist/test/step-cases/write-native-table.js FILE
 */
import { writeFile } from 'node:fs/promises';
import { packStep } from '../../lib/rules/rule-step.js';
import { nonNegativeStates } from './data.js';
import type { StepCase } from './step-case.js';
import { stepCases } from './table.js';

/** JSON has no number that is not finite. */
function toJson(number: number): number | string {
  return Number.isFinite(number) ? number : String(number);
}

function rowOf(stepCase: StepCase): object {
  const { title, sizes, step, tries, steps, withoutGradient, orderSeed, valuesAlone } = stepCase;
  return {
    title,
    tries,
    sizes,
    steps,
    withoutGradient,
    orderSeed: orderSeed ?? 0,
    valuesAlone,
    step: [...packStep(step)],
    usedScalars: step.rule.scalars.length,
    nonNegativeStates: nonNegativeStates(stepCase),
    parameterScale: toJson(stepCase.parameterScale),
    gradientScale: toJson(stepCase.gradientScale),
    stateScale: toJson(stepCase.stateScale),
    loss: toJson(stepCase.loss),
    // Nothing is put where it is 0.
    gradientFlaw: toJson(stepCase.gradientFlaw ?? 0),
    parameterFlaw: toJson(stepCase.parameterFlaw ?? 0),
    stateFlaw: toJson(stepCase.stateFlaw ?? 0),
  };
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('the file is missing: write-native-table.js FILE');
const rows = stepCases.filter(({ forThreads }) => !forThreads).map(rowOf);
await writeFile(file, `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
