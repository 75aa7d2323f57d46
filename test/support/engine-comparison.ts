/** Runs a case of the table on an engine, and says where two runs differ, bit for bit. */
import { inspect, isDeepStrictEqual } from 'node:util';
import { stepDeviceBuffers } from '../../lib/engines/device.js';
import { DeviceBuffer } from '../../lib/engines/device-buffer.js';
import { referenceStep } from '../../lib/step/reference.js';
import { NonFiniteError, unpackReport, type StepReport } from '../../lib/step/report.js';
import { dataOf, settingsOf, type StepCase, type StepData } from './step-cases.js';

export interface CaseResult extends StepData {
  readonly reports: StepReport[];
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

/** Where two results differ in parameters, velocities or reports; undefined where they agree. */
export function resultDifference(computed: CaseResult, expected: CaseResult): string | undefined {
  const reports = ({ reports: list }: CaseResult) =>
    list.map((report) => ({ ...report, engine: null }));
  if (!isDeepStrictEqual(reports(computed), reports(expected))) {
    return `reports: ${inspect(reports(computed))} instead of ${inspect(reports(expected))}`;
  }
  for (const list of ['parameters', 'velocities'] as const) {
    const difference = firstDifference(computed[list], expected[list]);
    if (difference !== undefined) return `${list}: ${difference}`;
  }
  return undefined;
}

/** Runs the steps of a case over host arrays, which `step` changes in place. */
export function runCase(
  stepCase: StepCase,
  step: (data: StepData, loss: number) => StepReport,
): CaseResult {
  const data = dataOf(stepCase);
  const reports = Array.from({ length: stepCase.steps ?? 3 }, () =>
    step(data, stepCase.loss ?? 0.7),
  );
  return { ...data, reports };
}

/** The reference in TypeScript. */
export function runReference(stepCase: StepCase): CaseResult {
  const settings = settingsOf(stepCase);
  return runCase(stepCase, ({ parameters, gradients, velocities }, loss) =>
    unpackReport(referenceStep(parameters, gradients, velocities, loss, settings), 'typescript'),
  );
}

/** A report that may throw because it was read late, as the others are. */
function settled(report: StepReport): StepReport {
  try {
    return { ...report };
  } catch (error) {
    if (error instanceof NonFiniteError) return error.report;
    throw error;
  }
}

/** The CUDA engine over device buffers: all steps are enqueued before anything is read. */
export function runDeviceBuffers(stepCase: StepCase): CaseResult {
  const settings = settingsOf(stepCase);
  const data = dataOf(stepCase);
  const upload = (arrays: readonly Float32Array[]) => arrays.map((a) => DeviceBuffer.upload(a));
  const parameters = upload(data.parameters);
  const velocities = upload(data.velocities);
  const gradients = data.gradients.map((array) => array && DeviceBuffer.upload(array));
  try {
    const reports = Array.from({ length: stepCase.steps ?? 3 }, () =>
      stepDeviceBuffers(
        parameters,
        gradients,
        settings.momentum === 0 ? [] : velocities,
        stepCase.loss ?? 0.7,
        settings,
      ),
    );
    return {
      parameters: parameters.map((buffer) => buffer.download()),
      velocities: velocities.map((buffer) => buffer.download()),
      gradients: data.gradients,
      reports: reports.map(settled),
    };
  } finally {
    for (const buffer of [...parameters, ...velocities, ...gradients]) buffer?.dispose();
  }
}
