/** What a step gives beside its tensors, in the layout of native/engine/report.h. */
import type { EngineName, StepReport, StepStatus } from './report.js';

/** A status in the words of a result: StepStatus of native/engine/report.h. */
export const statusCodes: Readonly<Record<StepStatus, number>> = {
  taken: 0,
  lossNotFinite: 1,
  gradientNotFinite: 2,
  stepSizeNotFinite: 3,
  parameterOverflow: 4,
  sumNotFinite: 5,
};

const statuses = Object.keys(statusCodes) as StepStatus[];

/** What an engine reports; the rest is known without it. */
export type EngineReport = Omit<StepReport, 'engine' | 'belowLowerBound' | 'groups'>;

/** A field of a report as a float32. */
interface Packed<Value> {
  pack(value: Value): number;
  unpack(word: number): Value;
}

const asNumber: Packed<number> = { pack: (value) => value, unpack: (word) => word };

const asFlag: Packed<boolean> = { pack: (value) => (value ? 1 : 0), unpack: (word) => word === 1 };

/** The fields in their order: StepReport of native/engine/report.h. */
const fields: { readonly [Name in keyof EngineReport]: Packed<EngineReport[Name]> } = {
  status: { pack: (status) => statusCodes[status], unpack: (word) => statuses[word]! },
  loss: asNumber,
  stepSize: asNumber,
  unclippedStepSize: {
    pack: (value) => value ?? Infinity,
    unpack: (word) => (word === Infinity ? null : word),
  },
  gradientNorm: asNumber,
  parameterNorm: asNumber,
  clipped: asFlag,
  projected: asFlag,
};

export const reportFields = Object.keys(fields) as (keyof EngineReport)[];

/** 4-byte words of a step's result as engines write it. */
export const RESULT_WORDS = 16;
const SCALARS_AT = reportFields.length;

/**
 * Where a step over host arrays puts its result. Made before the step: where that has written, nothing
 * may fail any more, not even for want of memory (NOTE [nothing is half done] in native/cpu/engine.h).
 */
export class StepResult {
  readonly words = new Int32Array(RESULT_WORDS);
  readonly fields = new Float32Array(this.words.buffer, 0, SCALARS_AT);
  /** The rule's scalars after the step. */
  readonly scalars = new Float64Array(this.words.buffer, SCALARS_AT * 4);
}

/** Writes a result. */
export function packResult(result: StepResult, report: EngineReport, scalars: Float64Array): void {
  reportFields.forEach((name, i) => {
    result.fields[i] = (fields[name] as Packed<unknown>).pack(report[name]);
  });
  result.scalars.set(scalars);
}

/** The rule's scalars after a step. */
export function unpackScalars(result: Int32Array): Float64Array {
  // Copied: the array may begin where no double may.
  return new Float64Array(result.slice(SCALARS_AT).buffer);
}

/** Reads a report. `smallestLoss` is what the rule expects; -Infinity: anything. */
export function unpackReport(
  result: Int32Array,
  engine: EngineName,
  smallestLoss: number,
): StepReport {
  const fields = new Float32Array(result.buffer, result.byteOffset, SCALARS_AT);
  return reportOf(fields, engine, smallestLoss);
}

/** A report from its fields. */
export function reportOf(
  words: Float32Array,
  engine: EngineName,
  smallestLoss: number,
): StepReport {
  const report: Record<string, unknown> = {};
  reportFields.forEach((name, i) => {
    report[name] = fields[name].unpack(words[i]!);
  });
  const known = report as unknown as EngineReport;
  return { ...known, belowLowerBound: known.loss < smallestLoss, engine };
}
