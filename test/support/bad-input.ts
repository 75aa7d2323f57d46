/** Rows of bad input, each with its own error, and their check. */
import type { ExecutionContext } from 'ava';
import type { StepStatus } from '../../lib/index.js';

export interface ExpectedError {
  readonly error: new (...parameters: never[]) => Error;
  readonly message: RegExp;
}

export interface Row<Fixture> extends ExpectedError {
  readonly title: string;
  /** Fed what TypeScript would not allow, as JavaScript may. */
  readonly run: (fixture: Fixture) => unknown;
}

export function assertThrows(
  t: ExecutionContext,
  run: () => unknown,
  row: ExpectedError,
  title: string,
) {
  const thrown: unknown = t.throws(run, { instanceOf: row.error, message: row.message }, title);
  // RangeError and TypeError are Errors: the class itself has to be the expected one.
  t.is(Object.getPrototypeOf(thrown), row.error.prototype, title);
}

/** Any options at all, for calls that TypeScript refuses. */
export type AnyOptions = Record<string, unknown>;

export const misspelt: { wrong: string; right: string }[] = [
  { wrong: 'max_lr', right: 'maxLearningRate' },
  { wrong: 'maxLr', right: 'maxLearningRate' },
  { wrong: 'lr', right: 'maxLearningRate' },
  { wrong: 'learningRate', right: 'maxLearningRate' },
  { wrong: 'maxLearningrate', right: 'maxLearningRate' },
  { wrong: 'eps', right: 'epsilon' },
  { wrong: 'epsilom', right: 'epsilon' },
  { wrong: 'momentun', right: 'momentum' },
  { wrong: 'adjusted_momentum', right: 'adjustedMomentum' },
  { wrong: 'lowerbound', right: 'lowerBound' },
];

export const valuesOutOfRange: { setting: string; values: unknown[]; rule: string }[] = [
  {
    setting: 'maxLearningRate',
    values: [-1, NaN, Infinity, 1e39, '0.1', true],
    rule: 'a number of 0 or more, or null',
  },
  {
    setting: 'momentum',
    values: [-0.1, 1, 1 - 1e-9, NaN, '0.9', null],
    rule: 'a number from 0 up to but not including 1',
  },
  { setting: 'epsilon', values: [-1e-5, NaN, Infinity, 1e39, null], rule: 'a number of 0 or more' },
  { setting: 'lowerBound', values: [NaN, -Infinity, 1e39, null, '0'], rule: 'a finite number' },
  { setting: 'adjustedMomentum', values: [1, 'true', null], rule: 'true or false' },
];

export const maxNormOutOfRange = {
  setting: 'maxNorm',
  values: [0, -1, NaN, Infinity, 1e39, '5'],
  rule: 'a positive number, or null',
};

export function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

export function rowsOfValues(
  owner: string,
  settings: readonly { setting: string; values: unknown[]; rule: string }[],
) {
  return settings.flatMap(({ setting, values, rule }) =>
    values.map((value) => ({
      title: `${setting} ${typeof value === 'string' ? `'${value}'` : String(value)}`,
      options: { [setting]: value },
      error: RangeError,
      message: new RegExp(
        `^${escaped(owner)}: ${setting} must be ${escaped(rule)}.*, not '?${escaped(String(value))}'?\\.$`,
      ),
    })),
  );
}

/** One step whose numbers are not finite, and how its report must say so. */
export interface NonFiniteRow {
  readonly title: string;
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly status: StepStatus;
  readonly message: RegExp;
}

export const nonFiniteRows: NonFiniteRow[] = [
  ...[NaN, Infinity, -Infinity, 1e39].map((loss) => ({
    title: `loss ${loss}`,
    loss,
    gradient: [1, 2],
    status: 'lossNotFinite' as const,
    message: /parameters and state are as they were: the loss is not finite/,
  })),
  ...[NaN, Infinity, -Infinity].flatMap((value) =>
    [
      [value, 1],
      [1, value],
    ].map((gradient) => ({
      title: `gradient ${gradient.join(', ')}`,
      loss: 2,
      gradient,
      status: 'gradientNotFinite' as const,
      message: /parameters and state are as they were: a gradient is not finite/,
    })),
  ),
  {
    title: 'a step size beyond float32',
    loss: 1e30,
    gradient: [1e-10, 0],
    status: 'stepSizeNotFinite',
    message: /parameters and state are as they were: the loss is too large for so small a gradient/,
  },
  {
    title: 'a gradient whose square is below float32',
    loss: 2,
    gradient: [1e-25, 0],
    status: 'stepSizeNotFinite',
    message: /parameters and state are as they were: the loss is too large for so small a gradient/,
  },
];
