/** Steps of ALI-G, from the options of its users. */
import { aliG, aliGAdjusted, aliGNesterov } from '../rules/alig.js';
import type { Rule } from '../rules/rule.js';
import { stepOfOneGroup, type RuleStep } from './rule-step.js';
import { checkSetting } from './settings.js';

/** Hyper-parameters of ALI-G as users give them. */
export interface AliGSettingOptions {
  readonly maxLearningRate: number | null;
  readonly momentum: number;
  readonly epsilon: number;
  readonly lowerBound: number;
  readonly maxNorm: number | null;
  readonly adjustedMomentum: boolean;
}

/** Which form of the rule these options ask for: without momentum there is no velocity. */
export function aliGRule({
  momentum,
  adjustedMomentum,
}: Pick<AliGSettingOptions, 'momentum' | 'adjustedMomentum'>): Rule {
  if (momentum === 0) return aliG;
  return adjustedMomentum ? aliGAdjusted : aliGNesterov;
}

/** Checks all options and rounds them to float32. */
export function aliGStep(owner: string, options: AliGSettingOptions): RuleStep {
  const { fround } = Math;
  const momentum = fround(checkSetting(owner, 'momentum', options.momentum));
  const maxLearningRate = checkSetting(owner, 'maxLearningRate', options.maxLearningRate);
  return stepOfOneGroup(
    aliGRule({
      momentum,
      adjustedMomentum: checkSetting(owner, 'adjustedMomentum', options.adjustedMomentum),
    }),
    {
      momentum,
      epsilon: fround(checkSetting(owner, 'epsilon', options.epsilon)),
      lowerBound: fround(checkSetting(owner, 'lowerBound', options.lowerBound)),
    },
    { maxLearningRate: fround(maxLearningRate ?? Infinity) },
    fround(checkSetting(owner, 'maxNorm', options.maxNorm) ?? Infinity),
  );
}
