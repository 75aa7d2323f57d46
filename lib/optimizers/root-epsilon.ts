/** Where epsilon stands in the optimisers that divide by the root of a second moment. */
import type { RootEpsilons } from '../rules/root.js';
import { checkChoice, checkSetting } from '../step/settings.js';

const placements = ['outsideSquareRoot', 'insideSquareRoot', 'none'] as const;

/** sqrt(v) + epsilon, sqrt(v + epsilon), or sqrt(v) whatever epsilon is. */
export type RootEpsilonPlacement = (typeof placements)[number];

/** Checks both options and turns them into what the rules take. */
export function rootEpsilonsOf(
  owner: string,
  options: { readonly epsilon: number; readonly epsilonPlacement: RootEpsilonPlacement },
): RootEpsilons {
  const epsilon = Math.fround(checkSetting(owner, 'epsilon', options.epsilon));
  const placement = checkChoice(owner, 'epsilonPlacement', options.epsilonPlacement, placements);
  return {
    insideEpsilon: placement === 'insideSquareRoot' ? epsilon : 0,
    outsideEpsilon: placement === 'outsideSquareRoot' ? epsilon : 0,
  };
}
