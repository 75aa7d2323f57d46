import { clone, dispose, keep, type Tensor } from '@tensorflow/tfjs-core';
import type { Group } from '../rules/rule.js';
import { wasWritten, type GroupStepReport, type StepReport } from '../rules/report.js';
import { replaceValue, type TensorEngine, type TensorStep } from './engine.js';

/** The variables of one parameter group, by their places in the step. */
interface Part {
  /** Its place in the option `groups`; null: the variables that no group names. */
  readonly group: number | null;
  readonly places: number[];
}

/** The groups that have a gradient; the first also has all variables without one. */
function partsOf({ gradients }: TensorStep, groupNumbers: readonly number[]): Part[] {
  const parts = new Map<number, Part>();
  groupNumbers.forEach((number, place) => {
    if (!gradients[place]) return;
    const part = parts.get(number) ?? { group: number === -1 ? null : number, places: [] };
    parts.set(number, part);
    part.places.push(place);
  });
  const list = [...parts.values()];
  gradients.forEach((gradient, place) => {
    if (!gradient) list[0]!.places.push(place);
  });
  // The order of the variables is the order of the sums.
  for (const { places } of list) places.sort((a, b) => a - b);
  return list;
}

/** The step of one part alone, without the ball, which covers all of them. */
function stepOf(step: TensorStep, { places }: Part): TensorStep {
  const { rule, groups, groupOf, gradients } = step;
  const rows: Group[] = [];
  const rowOf = new Map<Group, number>();
  const ownGroupOf = Int32Array.from(places, (place) => {
    if (!gradients[place]) return 0;
    const group = groups[groupOf?.[place] ?? 0]!;
    let row = rowOf.get(group);
    if (row === undefined) rowOf.set(group, (row = rows.push(group) - 1));
    return row;
  });
  const count = rule.state.length;
  return {
    ...step,
    groups: rows,
    groupOf: rows.length === 1 ? null : ownGroupOf,
    variables: places.map((place) => step.variables[place]!),
    gradients: places.map((place) => gradients[place]!),
    state: places.flatMap((place) => step.state.slice(place * count, (place + 1) * count)),
    // What has to be taken back where a later group is refused.
    stateInPlace: false,
    maxNorm: Infinity,
  };
}

/** The norm of all together, by operations that are the same everywhere (not Math.hypot). */
function together(norms: readonly number[]): number {
  return Math.fround(Math.sqrt(norms.reduce((sum, norm) => sum + norm * norm, 0)));
}

function mean(numbers: readonly number[]): number {
  return Math.fround(numbers.reduce((sum, number) => sum + number, 0) / numbers.length);
}

function reportOf(reports: readonly StepReport[], parts: readonly Part[]): StepReport {
  const unclipped = reports.map(({ unclippedStepSize }) => unclippedStepSize);
  return {
    ...reports[0]!,
    stepSize: mean(reports.map(({ stepSize }) => stepSize)),
    unclippedStepSize: unclipped.includes(null) ? null : mean(unclipped as number[]),
    gradientNorm: together(reports.map(({ gradientNorm }) => gradientNorm)),
    parameterNorm: together(reports.map(({ parameterNorm }) => parameterNorm)),
    clipped: reports.some(({ clipped }) => clipped),
    status: reports.find(({ status }) => status !== 'taken')?.status ?? 'taken',
    groups: reports.map(
      ({ stepSize, unclippedStepSize, gradientNorm, clipped }, i): GroupStepReport => ({
        group: parts[i]!.group,
        stepSize,
        unclippedStepSize,
        gradientNorm,
        clipped,
      }),
    ),
  };
}

/**
 * An engine that makes a step of each parameter group by itself, with a norm and a step size of its
 * own from the same loss, by the engine that is given; then the ball over all variables together.
 * All or none: where a group's step is refused, those before it are taken back, which costs arrays
 * of state of their own for each step. Devices that answer later are waited for.
 *
 * @param groupNumbers The group of each variable, -1 where none names it. The rule has no scalars:
 * there is one set of them, and groups would need one each.
 */
export function engineByGroup(engine: TensorEngine, groupNumbers: readonly number[]): TensorEngine {
  return (step) => {
    const parts = partsOf(step, groupNumbers);
    const count = step.rule.state.length;
    const before = step.variables.map((variable) => keep(clone(variable)));
    const newState: Tensor[] = Array<Tensor>(step.state.length);
    const made: Tensor[] = [];
    const reports: StepReport[] = [];
    /** One call of the engine, waited for. */
    const run = (input: TensorStep) => {
      const { report, deferred, newState: state } = engine(input);
      made.push(...(state ?? []));
      return { report: deferred?.error()?.report ?? { ...report }, state };
    };
    let written = false;
    try {
      for (const part of parts) {
        const { report, state } = run(stepOf(step, part));
        state?.forEach((tensor, i) => {
          newState[part.places[Math.floor(i / count)]! * count + (i % count)] = tensor;
        });
        if (!wasWritten(report)) {
          return { report, deferred: null, newState: null, newScalars: step.scalars };
        }
        reports.push(report);
      }
      let report = reportOf(reports, parts);
      if (step.maxNorm !== Infinity) {
        const gradients = step.variables.map(() => null);
        const last = run({ ...step, gradients, state: [], stateInPlace: false, loss: 0 }).report;
        const { parameterNorm, projected, status } = last;
        report = { ...report, parameterNorm, projected, status };
      }
      written = true;
      return {
        report,
        deferred: null,
        newState: count > 0 ? newState : null,
        newScalars: step.scalars,
      };
    } finally {
      if (written) {
        dispose(before);
      } else {
        step.variables.forEach((variable, i) => {
          replaceValue(variable, before[i]!);
        });
        dispose(made);
      }
    }
  };
}
