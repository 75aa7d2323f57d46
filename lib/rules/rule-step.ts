/** What a step is told beside its tensors and its loss, and its layout for the native engines. */
import { rules } from './all.js';
import type { Group, Numbers, Rule } from './rule.js';

/** A rule has up to so many scalars (kMostScalars of native/rules/rule.h). */
export const MOST_SCALARS = 4;

/** A step of a rule; all numbers are float32 values but the scalars. */
export interface RuleStep {
  readonly rule: Rule;
  readonly settings: Numbers;
  /** At least one. */
  readonly groups: readonly Group[];
  /** The place in `groups` of each tensor; null: all are of the first. */
  readonly groupOf: Int32Array | null;
  /** t, from 1: steps that any parameter has taken. */
  readonly stepNumber: number;
  /** The rule's scalars, then zeros: MOST_SCALARS doubles. */
  readonly scalars: Float64Array;
  /** Radius of the L2 ball; Infinity: no constraint. */
  readonly maxNorm: number;
  /** The magnitude that each element of a gradient is clipped at; Infinity: not at all. */
  readonly maxGradientValue: number;
}

/** A step whose parameters are all of one group, of a rule without scalars. */
export function stepOfOneGroup(
  rule: Rule,
  settings: Numbers,
  groupSettings: Numbers,
  { maxNorm, maxGradientValue }: Pick<RuleStep, 'maxNorm' | 'maxGradientValue'>,
): RuleStep {
  return {
    rule,
    settings,
    groups: [{ settings: groupSettings, stepNumber: 1 }],
    groupOf: null,
    stepNumber: 1,
    scalars: new Float64Array(MOST_SCALARS),
    maxNorm,
    maxGradientValue,
  };
}

/** The smallest loss that the step expects; -Infinity: any. */
export function smallestLossOf({ rule, settings }: Pick<RuleStep, 'rule' | 'settings'>): number {
  return rule.smallestLoss?.(settings) ?? -Infinity;
}

/** 4-byte words before the settings: StepInput::Header of native/engine/step_input.h. */
const HEADER_WORDS = 14;
const SCALARS_AT = 6;

/** A list of settings without names has one word: NoFloats of native/rules/rule.h. */
function wordCount(names: readonly string[]): number {
  return Math.max(1, names.length);
}

const oneGroup = new Int32Array();

/** The groups of a step's tensors as the native engines take them: empty where there is one. */
export function packGroups({ groupOf }: Pick<RuleStep, 'groupOf'>): Int32Array {
  return groupOf ?? oneGroup;
}

/** The step in the layout of native/engine/step_input.h. */
export function packStep(step: RuleStep): Int32Array<ArrayBuffer> {
  const { rule, settings, groups } = step;
  const settingsWords = wordCount(rule.settings);
  const groupWords = wordCount(rule.groupSettings);
  const words = new Int32Array(HEADER_WORDS + settingsWords + groups.length * (groupWords + 1));
  const floats = new Float32Array(words.buffer);
  words[0] = rules.indexOf(rule);
  words[1] = step.stepNumber;
  floats[2] = step.maxNorm;
  words[3] = groups.length;
  floats[4] = step.maxGradientValue;
  new Float64Array(words.buffer, SCALARS_AT * 4, MOST_SCALARS).set(step.scalars);
  rule.settings.forEach((name, i) => {
    floats[HEADER_WORDS + i] = settings[name]!;
  });
  groups.forEach((group, k) => {
    const at = HEADER_WORDS + settingsWords + k * (groupWords + 1);
    rule.groupSettings.forEach((name, i) => {
      floats[at + i] = group.settings[name]!;
    });
    words[at + groupWords] = group.stepNumber;
  });
  return words;
}
