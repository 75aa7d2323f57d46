/** What a case is: the step of a rule, and the sizes and values that it is taken on. */
import { MOST_SCALARS, type RuleStep } from '../../lib/rules/rule-step.js';
import type { Numbers, Rule } from '../../lib/rules/rule.js';
import { aliGStep, type FusedAliGStepSettings } from '../../lib/step/alig-step.js';

export interface StepCase {
  readonly title: string;
  readonly sizes: readonly number[];
  /** Tensors belong to its groups in turn. */
  readonly step: RuleStep;
  /** Magnitudes of parameters, gradients and state. */
  readonly parameterScale: number;
  readonly gradientScale: number;
  readonly stateScale: number;
  /** Put into the middle of the last gradient, parameter or array of state; null: nothing. */
  readonly gradientFlaw: number | null;
  readonly parameterFlaw: number | null;
  readonly stateFlaw: number | null;
  /** Positions of tensors without a gradient. */
  readonly withoutGradient: readonly number[];
  readonly loss: number;
  /** Steps that are taken one after the other. */
  readonly steps: number;
  /** Seed of values whose sum of squares depends on the order of additions (orders.ts); null: any. */
  readonly orderSeed: number | null;
  /** What it tries: the engine's own parts, or the formulas of a rule. */
  readonly tries: 'engine' | 'rule';
  /** It has elements for several threads of the CPU, which is all that it is for. */
  readonly forThreads: boolean;
  /**
   * It differs from another case in its values alone. Engines touch the same memory in both, so that the
   * sanitizers, under which a case takes a hundred times as long, leave it out.
   */
  readonly valuesAlone: boolean;
}

/** A case as a row: what it leaves out is the usual. */
export type Row = Pick<StepCase, 'title' | 'sizes'> &
  Partial<Omit<StepCase, 'title' | 'sizes' | 'step' | 'tries'>>;

const usual = {
  parameterScale: 1,
  gradientScale: 1,
  stateScale: 1,
  gradientFlaw: null,
  parameterFlaw: null,
  stateFlaw: null,
  withoutGradient: [],
  loss: 0.7,
  steps: 3,
  orderSeed: null,
  forThreads: false,
  valuesAlone: false,
};

/** A case of ALI-G on the engine's own parts; `settings`: what differs from the usual ones. */
export function aliGCase({
  settings,
  ...row
}: Row & { settings?: FusedAliGStepSettings }): StepCase {
  const step = aliGStep('test', {
    maxLearningRate: 0.1,
    momentum: 0.9,
    epsilon: 1e-5,
    lowerBound: 0,
    adjustedMomentum: false,
    maxNorm: null,
    maxGradientValue: null,
    ...settings,
  });
  return { ...usual, ...row, step, tries: 'engine' };
}

/** A rule with settings. */
export interface RuleSettings {
  readonly rule: Rule;
  readonly settings: Numbers;
  readonly groups: readonly Numbers[];
  readonly maxNorm?: number;
  readonly maxGradientValue?: number;
  /** Of the rule's scalars, where they are not 0. */
  readonly scalars?: readonly number[];
}

/** t of each group: bias corrections differ. */
const stepNumbers = [1, 40, 2];

/** A case of any rule. */
export function ruleCase(row: Row, of: RuleSettings): StepCase {
  const rounded = (numbers: Numbers) =>
    Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Math.fround(value)]));
  const groups = of.groups.map((group, i) => ({
    settings: rounded(group),
    stepNumber: stepNumbers[i]!,
  }));
  const scalars = new Float64Array(MOST_SCALARS);
  scalars.set((of.scalars ?? []).slice(0, of.rule.scalars.length));
  const step: RuleStep = {
    rule: of.rule,
    settings: rounded(of.settings),
    groups,
    groupOf: groups.length === 1 ? null : Int32Array.from(row.sizes, (_, i) => i % groups.length),
    stepNumber: Math.max(...groups.map(({ stepNumber }) => stepNumber)),
    scalars,
    maxNorm: Math.fround(of.maxNorm ?? Infinity),
    maxGradientValue: Math.fround(of.maxGradientValue ?? Infinity),
  };
  return { ...usual, ...row, step, tries: 'rule' };
}

/** The step after one that was taken. */
export function nextStep(step: RuleStep, scalars: Float64Array): RuleStep {
  return {
    ...step,
    scalars,
    stepNumber: step.stepNumber + 1,
    groups: step.groups.map(({ settings, stepNumber }) => ({
      settings,
      stepNumber: stepNumber + 1,
    })),
  };
}
