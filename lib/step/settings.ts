import { distance } from 'fastest-levenshtein';
import * as z from 'zod/mini';

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
const notNegative = (value: number) => value >= 0;
const belowOne = (value: number) => value >= 0 && value < 1;
const belowOneText = 'a number from 0 up to but not including 1';
const notNegativeText = 'a number of 0 or more';
const flag = z.boolean({ error: 'true or false' });
const atLeastOne = (value: number) => value >= 1;

/** What each setting may be; the text stands in error messages as "NAME must be TEXT". */
export const settingSchemas = {
  maxLearningRate: z.nullable(
    float32(
      'a number of 0 or more, or null for no maximal learning rate (ALI-G-infinity)',
      notNegative,
    ),
  ),
  learningRate: float32(notNegativeText, notNegative),
  momentum: float32(belowOneText, belowOne),
  dampening: float32('a number from 0 to 1', (value) => value >= 0 && value <= 1),
  nesterov: flag,
  beta1: float32(belowOneText, belowOne),
  beta2: float32(belowOneText, belowOne),
  decay: float32(belowOneText, belowOne),
  epsilon: float32(notNegativeText, notNegative),
  learningRateDecay: float32(notNegativeText, notNegative),
  initialAccumulator: float32(notNegativeText, notNegative),
  initialSquareAverage: float32(notNegativeText, notNegative),
  centered: flag,
  amsgrad: flag,
  weightDecay: float32(notNegativeText, notNegative),
  decoupledWeightDecay: flag,
  maxGradientNorm: z.nullable(float32('a positive number, or null for no clipping', positive)),
  lowerBound: float32('a finite number', () => true),
  adjustedMomentum: flag,
  maxNorm: z.nullable(float32('a positive number, or null for no constraint', positive)),
  radius: float32('a positive number', positive),
  power: float32(notNegativeText, notNegative),
  beta: float32(belowOneText, belowOne),
  biasCorrection: flag,
  estimateLowerBound: flag,
  proximalWeightDecay: flag,
  optimalValue: float32('a finite number', () => true),
  variant: z.enum(['constant', 'smoothIter'], { error: "'constant' or 'smoothIter'" }),
  c: float32('a positive number', positive),
  maxStepSize: z.nullable(float32('a positive number, or null for no bound', positive)),
  gamma: float32('a number of 1 or more', atLeastOne),
  batchesPerEpoch: float32('a number of 1 or more', atLeastOne),
  initialStepSize: float32('a positive number', positive),
  fraction: float32('a positive number', positive),
  minLossFactor: float32(belowOneText, belowOne),
  initFactor: float32(notNegativeText, notNegative),
  minLossForgetTime: float32('a positive number', positive),
  gradientTimeScale: float32('a number of 1 or more', atLeastOne),
  varianceTimeScale: float32('a number of 1 or more', atLeastOne),
  adamEpsilon: float32(notNegativeText, notNegative),
  lower: z.nullable(float32('a finite number, or null for no lower bound', () => true)),
  upper: z.nullable(float32('a finite number, or null for no upper bound', () => true)),
};

/** Names that other libraries give a setting, and what it is called here, by the optimiser. */
const otherNames: Readonly<Record<string, string | readonly string[]>> = {
  learningRate: 'maxLearningRate',
  lr: ['maxLearningRate', 'learningRate'],
  maxLearningRate: 'learningRate',
  maxLr: 'maxLearningRate',
  max_lr: 'maxLearningRate',
  eps: 'epsilon',
  mu: 'momentum',
  alpha: 'decay',
  rho: 'decay',
  weight_decay: ['weightDecay', 'constraint'],
  lr_decay: 'learningRateDecay',
  initialAccumulatorValue: 'initialAccumulator',
  useNesterov: 'nesterov',
  clipNorm: 'maxGradientNorm',
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
  const other = [otherNames[name] ?? []].flat().find((candidate) => known.includes(candidate));
  if (other !== undefined) return other;
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

/** Throws a RangeError unless the option is one of these texts; names them all. */
export function checkChoice<Choice extends string>(
  owner: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RangeError(
    `${owner}: ${name} must be ${choices.map(shown).join(' or ')}, not ${shown(value)}.`,
  );
}
