import { addonState } from '#addon';
import type { AddonState, RuleLayout } from '../platform/addon.js';
import { rules } from '../rules/all.js';
import type { Rule } from '../rules/rule.js';

function layoutOf({ name, settings, groupSettings, state, sums }: Rule): RuleLayout {
  return {
    name,
    settings: settings.join(', '),
    groupSettings: groupSettings.join(', '),
    states: state.length,
    sums,
  };
}

/**
 * How the rules that an add-on was built with differ from those of this package; null: they do not. A
 * step names its rule by a number: with another list it would be another optimiser's step.
 */
export function ruleProblem(built: readonly RuleLayout[]): string | null {
  const wanted = rules.map(layoutOf);
  const texts = [built, wanted].map((layouts) => layouts.map((each) => JSON.stringify(each)));
  const [of, here] = texts as [string[], string[]];
  const place = here.findIndex((text, i) => text !== of[i]);
  if (place === -1 && of.length === here.length) return null;
  const at = place === -1 ? here.length : place;
  return `its rule ${at} is ${of[at] ?? 'missing'}, and this package's ${here[at] ?? 'does not exist'}`;
}

let state: AddonState | undefined;

/** {@link addonState} as steps take it: without an add-on whose rules are not those of lib/rules. */
export function addonForSteps(): AddonState {
  if (state) return state;
  const found = addonState();
  const problem = found.addon && ruleProblem(found.addon.rules);
  if (!found.addon || problem === null) return (state = found);
  const attempt = { path: found.path, problem: `it was built from other sources: ${problem}` };
  return (state = {
    addon: null,
    attempts: [attempt],
    report:
      `The native add-on ${attempt.path} does not belong to this version of tfjs-alig: ` +
      `${attempt.problem}. Training goes on with the engines that need no add-on, which are slower. ` +
      found.remedy,
  });
}
