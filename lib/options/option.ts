/**
 * Options as data: what each may be, what it starts as and what it means. Types, checks, error texts,
 * setters, flags of the command line and tables are made from it.
 */
import { isFunctionMarker } from '../values/function-marker.js';
import { shown } from '../values/shown.js';

/** Limits of a float32 number; one that is left out does not exist. */
export interface NumberRange {
  readonly above?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly atMost?: number;
  /** Only whole numbers. */
  readonly whole?: true;
  /** What null stands for, as in "or null for NONE"; without it null is refused. */
  readonly none?: string;
}

/** In place of a default: the option has to be given. */
export class RequiredOption {
  /** `remedy` says what to give. */
  constructor(readonly remedy: string) {}
}

/**
 * What an option can be beside its value: it has no default, it may change between steps, a group of
 * parameters may have a value of its own.
 */
type Trait = 'required' | 'changes' | 'ofGroup';

/** What is said of an option where it is declared. */
interface Facts<Value> {
  readonly default: Value | RequiredOption;
  /** A phrase, as it stands in the help of the command line and in the tables. */
  readonly meaning: string;
  /** Of the paper. */
  readonly symbol?: string;
  /** In logs and charts. Default: the words of its name. */
  readonly label?: string;
  /** Whether it may be set between steps. */
  readonly changes?: true;
  /** What a new optimiser may start with, where that is less than it may be set to between steps. */
  readonly start?: NumberRange;
  /** Whether a group of parameters may have a value of its own. */
  readonly ofGroup?: true;
}

type TraitsOf<F> =
  | (F extends { readonly default: RequiredOption } ? 'required' : never)
  | (F extends { readonly changes: true } ? 'changes' : never)
  | (F extends { readonly ofGroup: true } ? 'ofGroup' : never);

type Has<Traits, T extends Trait> = [T] extends [Traits] ? true : false;

/** An option whose type is not known. */
export interface AnyOption {
  readonly kind: 'number' | 'flag' | 'choice' | 'function';
  readonly default: unknown;
  readonly meaning: string;
  readonly symbol: string | null;
  readonly label: string | null;
  readonly required: boolean;
  readonly changes: boolean;
  readonly ofGroup: boolean;
  /** Of a number. */
  readonly range: NumberRange | null;
  /** Of the number that a new optimiser starts with. */
  readonly start: NumberRange | null;
  /** Of a choice. */
  readonly choices: readonly string[] | null;
  /** What it must be, as in "NAME must be RULE". */
  readonly rule: string;
  readonly accepts: (value: unknown) => boolean;
}

/** An option as {@link numberOption} and the functions beside it make it. */
export interface Option<Value, Traits extends Trait = never> extends AnyOption {
  readonly default: Value | RequiredOption;
  readonly required: Has<Traits, 'required'>;
  readonly changes: Has<Traits, 'changes'>;
  readonly ofGroup: Has<Traits, 'ofGroup'>;
  readonly accepts: (value: unknown) => value is Value;
}

/** An option as {@link functionOption} makes it. */
export interface FunctionOption<Value> extends Option<Value, 'required' | 'changes'> {
  readonly kind: 'function';
}

/** Options by their names. */
export type OptionRecord = Readonly<Record<string, AnyOption>>;

/** What each type of options by their names extends, also that of an interface. */
export type OptionsLike<Options> = { readonly [Name in keyof Options]: AnyOption };

export type ValueOf<O> = O extends { readonly accepts: (value: unknown) => value is infer Value }
  ? Value
  : unknown;

/** The names of the options that have a trait. */
export type NamesWith<Options, T extends Trait> = {
  [Name in keyof Options]: Options[Name] extends Readonly<Record<T, true>> ? Name : never;
}[keyof Options];

/** The values of some options; editors show what stands above each option where it is declared. */
export type Values<Options, Names extends keyof Options = keyof Options> = {
  -readonly [Name in Names]: ValueOf<Options[Name]>;
};

/** Options that may be set between steps; a function is null after loading, until it is set. */
export type ChangingValues<Options, Names extends keyof Options = NamesWith<Options, 'changes'>> = {
  -readonly [Name in Names]: Options[Name] extends { readonly kind: 'function' }
    ? ValueOf<Options[Name]> | null
    : ValueOf<Options[Name]>;
};

type Merged<First, Last> = Pick<First, Exclude<keyof First, keyof Last>> & Last;

/** Options as a user gives them: those that have a default may be missing. */
export type GivenValues<Options> = Values<Options, NamesWith<Options, 'required'>> &
  Partial<Values<Options, Exclude<keyof Options, NamesWith<Options, 'required'>>>>;

/** The names of the options that are numbers or flags. */
type NumericNames<Options> = {
  [Name in keyof Options]: ValueOf<Options[Name]> extends number | boolean | null ? Name : never;
}[keyof Options];

/** Numbers and flags as engines take them. */
export type Float32Values<Options> = {
  readonly [Name in NumericNames<Options> & string]: number;
};

/** What a number in this range is called. */
function rangeText({ above, atLeast, below, atMost, whole, none }: NumberRange): string {
  let text = 'a finite number';
  if (above === 0) text = 'a positive number';
  else if (atLeast !== undefined) {
    text =
      below !== undefined
        ? `a number from ${atLeast} up to but not including ${below}`
        : atMost !== undefined
          ? `a number from ${atLeast} to ${atMost}`
          : whole
            ? `a whole number from ${atLeast}`
            : `a number of ${atLeast} or more`;
  }
  return none === undefined ? text : `${text}, or null for ${none}`;
}

/** Whether a number is in the range after rounding to float32, which is how it is used. */
export function isInRange(value: unknown, range: NumberRange): boolean {
  if (value === null) return range.none !== undefined;
  if (typeof value !== 'number' || (range.whole && !Number.isSafeInteger(value))) return false;
  const rounded = Math.fround(value);
  const { above = -Infinity, atLeast = -Infinity, below = Infinity, atMost = Infinity } = range;
  return rounded > above && rounded >= atLeast && rounded < below && rounded <= atMost;
}

/** Throws a RangeError that names the number, what it must be and what it was. */
export function checkNumber<const Range extends NumberRange>(
  owner: string,
  name: string,
  value: unknown,
  range: Range,
): asserts value is NumberIn<Range> {
  if (isInRange(value, range)) return;
  throw new RangeError(`${owner}: ${name} must be ${rangeText(range)}, not ${shown(value)}.`);
}

type Made = Pick<AnyOption, 'kind' | 'rule'> & Partial<Pick<AnyOption, 'range' | 'choices'>>;

/** The traits that the type says are those of the facts. */
function made(facts: Facts<unknown>, what: Made, accepts: (value: unknown) => boolean): AnyOption {
  const { symbol = null, label = null, changes = false, ofGroup = false, start } = facts;
  return {
    range: null,
    choices: null,
    ...what,
    start: start ?? what.range ?? null,
    ...{ default: facts.default, meaning: facts.meaning, symbol, label, changes, ofGroup },
    required: facts.default instanceof RequiredOption,
    accepts,
  };
}

type NumberIn<Range> = Range extends { readonly none: string } ? number | null : number;

/** A float32 number, or null where the range says what that stands for. */
export function numberOption<
  const Range extends NumberRange,
  const F extends Facts<NumberIn<Range>>,
>(range: Range, facts: F): Option<NumberIn<Range>, TraitsOf<F>> {
  const what = { kind: 'number', rule: rangeText(range), range } as const;
  return made(facts, what, (value) => isInRange(value, range)) as Option<
    NumberIn<Range>,
    TraitsOf<F>
  >;
}

/** True or false. */
export function flagOption<const F extends Facts<boolean>>(facts: F): Option<boolean, TraitsOf<F>> {
  const what = { kind: 'flag', rule: 'true or false' } as const;
  return made(facts, what, (value) => typeof value === 'boolean') as Option<boolean, TraitsOf<F>>;
}

/** One of some texts. */
export function choiceOption<Choice extends string, const F extends Facts<NoInfer<Choice>>>(
  choices: readonly Choice[],
  facts: F,
): Option<Choice, TraitsOf<F>> {
  const what = { kind: 'choice', rule: choices.map(shown).join(' or '), choices } as const;
  const accepts = (value: unknown) => (choices as readonly unknown[]).includes(value);
  return made(facts, what, accepts) as Option<Choice, TraitsOf<F>>;
}

/** A function of the user's, which has to be given; JSON holds a marker in place of it. */
export function functionOption<Value>(
  facts: Facts<RequiredOption>,
  rule: string,
): FunctionOption<Value> {
  const accepts = (value: unknown) => typeof value === 'function' || isFunctionMarker(value);
  const option = made({ ...facts, changes: true }, { kind: 'function', rule }, accepts);
  return option as FunctionOption<Value>;
}

/**
 * All options of three lists, in this order; what is in two of them is that of the later. For lists of
 * other files, whose types are interfaces: of a spread the declaration files would have a copy without
 * the comments above its options.
 */
export function mergedOptions<
  First extends OptionsLike<First>,
  Shared extends OptionsLike<Shared>,
  Last extends OptionsLike<Last>,
>(first: First, shared: Shared, last: Last): Merged<Merged<First, Shared>, Last> {
  return { ...first, ...shared, ...last };
}

/** Throws a RangeError, for a function a TypeError, that names the option, what it must be and what it was. */
export function checkOption(owner: string, name: string, option: AnyOption, value: unknown): void {
  if (option.accepts(value)) return;
  const message = `${owner}: ${name} must be ${option.rule}, not ${shown(value)}.`;
  throw option.kind === 'function' ? new TypeError(message) : new RangeError(message);
}

/**
 * Options with defaults in place of what is missing or undefined.
 *
 * @param restored Whether they are those of an optimiser that was saved: they may have changed between
 * its steps.
 * @throws TypeError for an option that is missing, RangeError for a value out of range.
 */
export function completeValues<Options extends OptionsLike<Options>>(
  owner: string,
  given: Readonly<Record<string, unknown>>,
  options: Options,
  restored = false,
): Values<Options> {
  const complete = Object.entries<AnyOption>(options).map(([name, option]) => {
    const value = given[name] === undefined ? option.default : given[name];
    if (value instanceof RequiredOption) {
      throw new TypeError(`${owner}: ${name} is missing; ${value.remedy}.`);
    }
    checkOption(owner, name, option, value);
    if (option.start && !restored && !isInRange(value, option.start)) {
      throw new RangeError(
        `${owner}: ${name} must be ${rangeText(option.start)}, not ${shown(value)}; between steps ` +
          `it may be set to ${shown(value)}.`,
      );
    }
    return [name, value] as const;
  });
  return Object.fromEntries(complete) as Values<Options>;
}

/** A number or flag as engines take it. */
export function float32Value(value: unknown): number {
  return Math.fround(value === null ? Infinity : Number(value));
}

/** Numbers and flags as engines take them: float32, null (none) as Infinity, true and false as 1 and 0. */
export function float32Values<Options extends OptionsLike<Options>>(
  options: Options,
  values: Readonly<Record<string, unknown>>,
): Float32Values<Options> {
  const numeric = Object.entries<AnyOption>(options).filter(
    ([, { kind }]) => kind === 'number' || kind === 'flag',
  );
  return Object.fromEntries(
    numeric.map(([name]) => [name, float32Value(values[name])]),
  ) as Float32Values<Options>;
}
