/** Runs a case of the table on an engine, and says where two runs differ, bit for bit. */
import { inspect, isDeepStrictEqual } from 'node:util';
import { deviceStepper } from '../../lib/engines/device.js';
import { DeviceBuffer } from '../../lib/engines/device-buffer.js';
import { referenceStep } from '../../lib/engines/reference.js';
import { wasWritten, type StepReport } from '../../lib/rules/report.js';
import { unpackReport, unpackScalars } from '../../lib/rules/result.js';
import { smallestLossOf, type RuleStep } from '../../lib/rules/rule-step.js';
import { dataOf, type StepData } from '../step-cases/data.js';
import { nextStep, type StepCase } from '../step-cases/step-case.js';

export interface CaseResult extends StepData {
  readonly reports: StepReport[];
  /** Of the rule, after each step. */
  readonly scalars: Float64Array[];
}

/** What one step gave. */
export interface StepOutcome {
  readonly report: StepReport;
  readonly scalars: Float64Array;
}

function bytes(array: Float32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

/** The first element whose bits differ, as text for a failure; undefined where all agree. */
export function firstDifference(
  computed: readonly Float32Array[],
  expected: readonly Float32Array[],
): string | undefined {
  for (const [i, wanted] of expected.entries()) {
    const got = computed[i]!;
    if (bytes(got).equals(bytes(wanted))) continue;
    const at = wanted.findIndex((value, k) => !Object.is(value, got[k]));
    // Sign and payload of a NaN are the processor's own affair.
    if (at < 0) continue;
    return `tensor ${i}, element ${at}: ${got[at]} instead of ${wanted[at]}`;
  }
  return undefined;
}

/** Where two results differ in parameters, state, scalars or reports; undefined where they agree. */
export function resultDifference(computed: CaseResult, expected: CaseResult): string | undefined {
  const reports = ({ reports: list }: CaseResult) =>
    list.map((report) => ({ ...report, engine: null }));
  if (!isDeepStrictEqual(reports(computed), reports(expected))) {
    return `reports: ${inspect(reports(computed))} instead of ${inspect(reports(expected))}`;
  }
  if (!isDeepStrictEqual(computed.scalars, expected.scalars)) {
    return `scalars: ${inspect(computed.scalars)} instead of ${inspect(expected.scalars)}`;
  }
  for (const list of ['parameters', 'state'] as const) {
    const difference = firstDifference(computed[list], expected[list]);
    if (difference !== undefined) return `${list}: ${difference}`;
  }
  return undefined;
}

/** Runs the steps of a case, each with the scalars of the one before. */
export function runSteps(
  stepCase: StepCase,
  step: (loss: number, step: RuleStep) => StepOutcome,
): Pick<CaseResult, 'reports' | 'scalars'> {
  const reports: StepReport[] = [];
  const scalars: Float64Array[] = [];
  let next = stepCase.step;
  for (let i = 0; i < stepCase.steps; i++) {
    const outcome = step(stepCase.loss, next);
    reports.push(outcome.report);
    scalars.push(outcome.scalars);
    if (wasWritten(outcome.report)) next = nextStep(next, outcome.scalars);
  }
  return { reports, scalars };
}

/** Runs the steps of a case over host arrays, which `step` changes in place. */
export function runCase(
  stepCase: StepCase,
  step: (data: StepData, loss: number, step: RuleStep) => StepOutcome,
): CaseResult {
  const data = dataOf(stepCase);
  return { ...data, ...runSteps(stepCase, (loss, next) => step(data, loss, next)) };
}

/** The reference in TypeScript. */
export function runReference(stepCase: StepCase): CaseResult {
  return runCase(stepCase, ({ parameters, gradients, state }, loss, step) => {
    const result = referenceStep(parameters, gradients, state, loss, step);
    return {
      report: unpackReport(result, 'typescript', smallestLossOf(step)),
      scalars: unpackScalars(result),
    };
  });
}

/**
 * The CUDA engine over device buffers. All steps are enqueued before anything is read, but for rules
 * with scalars, whose next step needs those of the one before.
 */
export function runDeviceBuffers(stepCase: StepCase): CaseResult {
  const data = dataOf(stepCase);
  const upload = (arrays: readonly Float32Array[]) => arrays.map((a) => DeviceBuffer.upload(a));
  const parameters = upload(data.parameters);
  const state = upload(data.state);
  const gradients = data.gradients.map((array) => array && DeviceBuffer.upload(array));
  try {
    const results: (() => Int32Array)[] = [];
    for (let i = 0, { step } = stepCase; i < stepCase.steps; i++) {
      const read = deviceStepper({ parameters, gradients, state }, step)(stepCase.loss);
      results.push(read);
      const scalars = step.rule.scalars.length > 0 ? unpackScalars(read()) : step.scalars;
      step = nextStep(step, scalars);
    }
    return {
      parameters: parameters.map((buffer) => buffer.download()),
      state: state.map((buffer) => buffer.download()),
      gradients: data.gradients,
      scalars: results.map((read) => unpackScalars(read())),
      reports: results.map((read) =>
        unpackReport(read(), 'native-cuda', smallestLossOf(stepCase.step)),
      ),
    };
  } finally {
    for (const buffer of [...parameters, ...state, ...gradients]) buffer?.dispose();
  }
}
