import { distance } from 'fastest-levenshtein';
import * as z from 'zod/mini';

/** Hyper-parameters of a step as the engines take them: float32 values, nothing optional. */
export interface StepSettings {
  /** Infinity: no maximal learning rate (ALI-G-infinity). */
  readonly maxLearningRate: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly lowerBound: number;
  readonly adjustedMomentum: boolean;
  /** Radius of the L2 ball; Infinity: no constraint. */
  readonly maxNorm: number;
}

/** The settings in the layout of native/rules/alig.h, followed by the radius of the L2 ball. */
export function packSettings(settings: StepSettings): Float32Array {
  return Float32Array.of(
    settings.maxLearningRate,
    settings.momentum,
    settings.epsilon,
    settings.lowerBound,
    settings.adjustedMomentum ? 1 : 0,
    settings.maxNorm,
  );
}

/** A number that passes `test` after rounding to float32, which is how it is used. */
function float32(rule: string, test: (value: number) => boolean) {
  return z.number({ error: rule }).check(
    z.refine((value) => {
      const rounded = Math.fround(value);
      return Number.isFinite(rounded) && test(rounded);
    }, rule),
  );
}

const positive = (value: number) => value > 0;

/** What each setting may be; the text stands in error messages as "NAME must be TEXT". */
export const settingSchemas = {
  maxLearningRate: z.nullable(
    float32('a positive number, or null for no maximal learning rate (ALI-G-infinity)', positive),
  ),
  momentum: float32(
    'a number from 0 up to but not including 1',
    (value) => value >= 0 && value < 1,
  ),
  epsilon: float32('a number of 0 or more', (value) => value >= 0),
  lowerBound: float32('a finite number', () => true),
  adjustedMomentum: z.boolean({ error: 'true or false' }),
  maxNorm: z.nullable(float32('a positive number, or null for no constraint', positive)),
  radius: float32('a positive number', positive),
};

/** Names that other libraries give a setting, and what it is called here. */
const otherNames: Readonly<Record<string, string>> = {
  learningRate: 'maxLearningRate',
  lr: 'maxLearningRate',
  maxLr: 'maxLearningRate',
  max_lr: 'maxLearningRate',
  eps: 'epsilon',
  mu: 'momentum',
  adjusted_momentum: 'adjustedMomentum',
  projectionFn: 'constraint',
  projection_fn: 'constraint',
  weightDecay: 'constraint',
  parameter: 'parameters',
  params: 'parameters',
  variables: 'parameters',
  grads: 'gradients',
  velocity: 'velocities',
  radius: 'maxNorm',
  constraint: 'maxNorm',
  maxNorm: 'constraint',
};

/** A value as it stands in an error message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return 'an array';
    // An object without prototype has no constructor.
    const { constructor } = value as { readonly constructor?: { readonly name?: unknown } };
    return typeof constructor?.name === 'string' ? `an object (${constructor.name})` : 'an object';
  }
  return String(value);
}

function rightName(name: string, known: readonly string[]): string | undefined {
  const other = otherNames[name];
  if (other !== undefined && known.includes(other)) return other;
  const lower = name.toLowerCase();
  const nearest = known
    .map((candidate) => ({ candidate, errors: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.errors - b.errors)[0];
  return nearest && nearest.errors <= Math.max(2, name.length / 3) ? nearest.candidate : undefined;
}

/**
 * Throws a TypeError unless `options` is an object with no other names than the known ones; the
 * message names the right spelling.
 */
export function checkOptionNames(
  owner: string,
  options: unknown,
  known: readonly string[],
): asserts options is Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner} takes an object of options, not ${shown(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const right = rightName(name, known);
    throw new TypeError(
      `${owner} has no option '${name}'; ` +
        (right === undefined ? `its options are ${known.join(', ')}.` : `did you mean '${right}'?`),
    );
  }
}

/** Throws a RangeError that names the option, what it must be and what it was. */
export function checkSetting<Name extends keyof typeof settingSchemas>(
  owner: string,
  name: Name,
  value: unknown,
): z.infer<(typeof settingSchemas)[Name]> {
  const result = z.safeParse(settingSchemas[name], value);
  if (result.success) return result.data as z.infer<(typeof settingSchemas)[Name]>;
  throw new RangeError(
    `${owner}: ${name} must be ${result.error.issues[0]!.message}, not ${shown(value)}.`,
  );
}

/** Hyper-parameters as users give them; see AliG and fusedAliGStep for their meaning. */
export interface SettingOptions {
  readonly maxLearningRate: number | null;
  readonly momentum: number;
  readonly epsilon: number;
  readonly lowerBound: number;
  readonly adjustedMomentum: boolean;
  readonly maxNorm: number | null;
}

/** Checks all settings and rounds them to float32. */
export function checkedSettings(owner: string, options: SettingOptions): StepSettings {
  const { fround } = Math;
  return {
    maxLearningRate: fround(
      checkSetting(owner, 'maxLearningRate', options.maxLearningRate) ?? Infinity,
    ),
    momentum: fround(checkSetting(owner, 'momentum', options.momentum)),
    epsilon: fround(checkSetting(owner, 'epsilon', options.epsilon)),
    lowerBound: fround(checkSetting(owner, 'lowerBound', options.lowerBound)),
    adjustedMomentum: checkSetting(owner, 'adjustedMomentum', options.adjustedMomentum),
    maxNorm: fround(checkSetting(owner, 'maxNorm', options.maxNorm) ?? Infinity),
  };
}
