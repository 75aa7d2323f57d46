/** What a rule is: an optimiser as the engines run it. native/rules/rule.h explains the stages. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { ScaledNorm } from './scaled-norm.js';

/** Hyper-parameters by name, float32 values all. */
export type Numbers = Readonly<Record<string, number>>;

/** Of a rule that has no settings for groups. */
export type NoNumbers = Readonly<Record<string, never>>;

/** Parameters that share their settings and have taken the same number of steps. */
export interface Group<GroupSettings = Numbers> {
  readonly settings: GroupSettings;
  /** t, from 1. */
  readonly stepNumber: number;
}

/** What decide knows beside the sums. */
export interface DecideInput<Settings = Numbers, GroupSettings = Numbers> {
  readonly settings: Settings;
  readonly groups: readonly Group<GroupSettings>[];
  readonly loss: number;
  /** t, from 1: steps that any parameter has taken. */
  readonly stepNumber: number;
}

/** What decide finds out, for the report and for the coefficients. */
export interface Decision {
  readonly stepSize: number;
  readonly unclippedStepSize: number;
  readonly clipped: boolean;
}

/** A parameter that has a gradient, on a backend of tfjs. */
export interface PortableTensor {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** One tensor for each of the rule's arrays of state. */
  readonly state: readonly Tensor[];
  /** Its place in the list of groups. */
  readonly group: number;
}

/** A step in tfjs ops: nothing of it is read back. Scalars are tensors of rank 0. */
export interface PortableStep<Settings = Numbers, GroupSettings = Numbers> {
  readonly settings: Settings;
  readonly groups: readonly Group<GroupSettings>[];
  readonly stepNumber: number;
  readonly loss: Tensor;
  /** Of all gradients together. */
  readonly gradientNorm: ScaledNorm;
  readonly tensors: readonly PortableTensor[];
  /** One for each of the rule's scalars. */
  readonly scalars: readonly Tensor[];
}

/** What a rule makes of a {@link PortableStep}. */
export interface PortableDecision {
  readonly stepSize: Tensor;
  readonly unclippedStepSize: Tensor;
  /** Of dtype bool. */
  readonly clipped: Tensor;
  /** Sums beyond the gradient norm: the step is refused where one is not finite. */
  readonly sums?: readonly Tensor[];
  /** One for each of the rule's scalars. */
  readonly scalars?: readonly Tensor[];
  /** New parameter and state of one tensor; not yet selected or projected. */
  readonly update: (tensor: PortableTensor) => {
    readonly parameter: Tensor;
    readonly state: readonly Tensor[];
  };
}

/**
 * A rule in TypeScript, with the types of its own: its layout, the reference that all native engines equal bit for bit, and
 * its portable form in tfjs ops, which is held to a tolerance. JavaScript computes in double:
 * Math.fround after each operation gives what float32 hardware gives, since a double holds more
 * than twice the digits of a float32. (Storing in a Float32Array rounds as well.)
 */
export interface RuleOf<
  Settings extends Numbers,
  GroupSettings extends Numbers,
  Measuring,
  Coefficients extends Numbers,
  Decided extends Decision = Decision,
> {
  /** kName of the header in native/rules. */
  readonly name: string;
  /** Names of the settings, in the order of the header's struct. */
  readonly settings: readonly (keyof Settings & string)[];
  readonly groupSettings: readonly (keyof GroupSettings & string)[];
  /** Names of the arrays of state, in their order. */
  readonly state: readonly string[];
  /** Names of the numbers that are the state of a whole step; they start at 0. */
  readonly scalars: readonly string[];
  /** How many sums measure yields; sum 0 is the squared gradient norm. */
  readonly sums: number;
  /** Whether the loss decides anything: it is then checked to be finite. */
  readonly usesLoss: boolean;
  /**
   * The smallest loss that the formula is made for: below it the step size is 0 or negative. Only of
   * rules whose step size comes from the loss.
   */
  smallestLoss?(settings: Settings): number;
  /** Whether a group's step number decides anything (bias corrections). */
  readonly usesStepNumber: boolean;

  /** Only where there is more than one sum, as the next two. */
  prepare?(settings: Settings, group: Group<GroupSettings>): Measuring;
  sumFactor?(settings: Settings, group: Group<GroupSettings>, sum: number): number;
  /** Writes element i's terms of the sums 1, 2, ... to `terms[0]`, `terms[1]`, ... */
  measure?(
    measuring: Measuring,
    gradient: Float32Array,
    parameter: Float32Array,
    state: readonly Float32Array[],
    i: number,
    terms: Float64Array,
  ): void;
  /** Advances `scalars`, which are the engine's copy. */
  decide(
    step: DecideInput<Settings, GroupSettings>,
    sums: readonly number[],
    scalars: Float64Array,
  ): Decided;
  coefficients(settings: Settings, group: Group<GroupSettings>, decision: Decided): Coefficients;
  /** Updates one tensor and its state in place. */
  update(
    coefficients: Coefficients,
    gradient: Float32Array,
    parameter: Float32Array,
    state: readonly Float32Array[],
  ): void;
  portable(step: PortableStep<Settings, GroupSettings>): PortableDecision;
}

/** A rule whose types only itself knows: the engines hand it what it asked for. */
export type Rule = RuleOf<Numbers, Numbers, unknown, Numbers>;

/** A rule as the engines take it. */
export function defineRule<
  Settings extends Numbers,
  GroupSettings extends Numbers,
  Measuring,
  Coefficients extends Numbers,
  Decided extends Decision,
>(rule: RuleOf<Settings, GroupSettings, Measuring, Coefficients, Decided>): Rule {
  // Each of its functions is only ever given what the rule's own lists of names and its other
  // functions have made.
  return rule as unknown as Rule;
}

/** The mean over all groups of a number that each has, as a report shows it. */
export function meanOverGroups<GroupSettings>(
  groups: readonly Group<GroupSettings>[],
  numberOf: (settings: GroupSettings) => number,
): number {
  return groups.reduce((sum, { settings }) => sum + numberOf(settings), 0) / groups.length;
}
