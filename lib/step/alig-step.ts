/** Steps of ALI-G, from the options of its users. */
import { aliG, aliGAdjusted, aliGNesterov } from '../rules/alig.js';
import type { Numbers, Rule } from '../rules/rule.js';
import { stepOfOneGroup, type RuleStep } from './rule-step.js';
import { checkSetting } from './settings.js';

/** Hyper-parameters of ALI-G as users give them. */
export interface AliGSettingOptions {
  readonly maxLearningRate: number | null;
  readonly momentum: number;
  readonly epsilon: number;
  readonly lowerBound: number;
  readonly adjustedMomentum: boolean;
}

/** Which form of the rule these options ask for: without momentum there is no velocity. */
function aliGRule({
  momentum,
  adjustedMomentum,
}: Pick<AliGSettingOptions, 'momentum' | 'adjustedMomentum'>): Rule {
  if (momentum === 0) return aliG;
  return adjustedMomentum ? aliGAdjusted : aliGNesterov;
}

/** The rule and its settings: checks all options and rounds them to float32. */
export function aliGRuleSettings(
  owner: string,
  options: AliGSettingOptions,
): Pick<RuleStep, 'rule' | 'settings'> & { readonly groupSettings: Numbers } {
  const { fround } = Math;
  const momentum = fround(checkSetting(owner, 'momentum', options.momentum));
  const maxLearningRate = checkSetting(owner, 'maxLearningRate', options.maxLearningRate);
  return {
    rule: aliGRule({
      momentum,
      adjustedMomentum: checkSetting(owner, 'adjustedMomentum', options.adjustedMomentum),
    }),
    settings: {
      momentum,
      epsilon: fround(checkSetting(owner, 'epsilon', options.epsilon)),
      lowerBound: fround(checkSetting(owner, 'lowerBound', options.lowerBound)),
    },
    groupSettings: { maxLearningRate: fround(maxLearningRate ?? Infinity) },
  };
}

/** Options of a step of its own, with the radius of the ball, null for none. */
export interface AliGStepOptions extends AliGSettingOptions {
  readonly maxNorm: number | null;
}

/** A step over parameters of one group; checks and rounds as {@link aliGRuleSettings}. */
export function aliGStep(owner: string, options: AliGStepOptions): RuleStep {
  const { rule, settings, groupSettings } = aliGRuleSettings(owner, options);
  const maxNorm = Math.fround(checkSetting(owner, 'maxNorm', options.maxNorm) ?? Infinity);
  return stepOfOneGroup(rule, settings, groupSettings, maxNorm);
}
