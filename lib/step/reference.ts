/**
 * The step in TypeScript: the reference that every native engine equals bit for bit, and the
 * engine for host arrays where the add-on is missing.
 */
import { decide, projectionScale, projects, update } from './alig.js';
import { packReport, type StepReport } from './report.js';
import type { StepSettings } from './settings.js';
import { CHUNK_SIZE, sumOfChunks, sumOfSquares } from './sums.js';

const { fround } = Math;

function squaredNorm(tensors: readonly Float32Array[]): number {
  const sums: number[] = [];
  for (const values of tensors) {
    for (let start = 0; start < values.length; start += CHUNK_SIZE) {
      sums.push(sumOfSquares(values, start, Math.min(start + CHUNK_SIZE, values.length)));
    }
  }
  return sumOfChunks(sums);
}

/**
 * One ALI-G step in place; a projection alone where no gradient is given.
 * Arguments as those of the add-on's aliGStep: lists with one entry a tensor, `velocities` unused
 * without momentum. Returns the report in the layout of native/engine/report.h.
 */
export function referenceStep(
  parameters: readonly Float32Array[],
  gradients: readonly (Float32Array | null)[],
  velocities: readonly Float32Array[],
  loss: number,
  settings: StepSettings,
): Float32Array {
  const given = gradients.filter((gradient) => gradient !== null);
  const report: { -readonly [Field in keyof Omit<StepReport, 'engine'>]: StepReport[Field] } = {
    loss: fround(loss),
    stepSize: 0,
    unclippedStepSize: 0,
    gradientNorm: 0,
    parameterNorm: 0,
    clipped: false,
    projected: false,
    status: 'taken',
  };
  if (given.length > 0) {
    if (!Number.isFinite(report.loss)) {
      return packReport({ ...report, status: 'lossNotFinite' });
    }
    const squaredGradientNorm = squaredNorm(given);
    report.gradientNorm = fround(Math.sqrt(squaredGradientNorm));
    if (!Number.isFinite(squaredGradientNorm)) {
      return packReport({ ...report, status: 'gradientNotFinite' });
    }
    const decision = decide(settings, report.loss, squaredGradientNorm);
    report.stepSize = fround(decision.stepSize);
    report.unclippedStepSize = fround(decision.unclippedStepSize);
    report.clipped = decision.clipped;
    if (!decision.finite) {
      return packReport({ ...report, status: 'stepSizeNotFinite' });
    }
    gradients.forEach((gradient, i) => {
      if (!gradient) return;
      const velocity = settings.momentum === 0 ? null : velocities[i]!;
      update(settings, decision.coefficients, gradient, parameters[i]!, velocity);
    });
  }
  const squaredParameterNorm = squaredNorm(parameters);
  report.parameterNorm = fround(Math.sqrt(squaredParameterNorm));
  if (!Number.isFinite(squaredParameterNorm)) report.status = 'parameterOverflow';
  report.projected = projects(settings.maxNorm, squaredParameterNorm);
  if (report.projected) {
    const scale = projectionScale(settings.maxNorm, squaredParameterNorm);
    for (const values of parameters) {
      for (let i = 0; i < values.length; i++) values[i]! *= scale;
    }
  }
  return packReport(report);
}
