/** Where epsilon stands in the optimisers that divide by the root of a second moment. */
import { choiceOption } from '../options/option.js';
import type { RootEpsilons } from '../rules/root.js';

const placements = ['outsideSquareRoot', 'insideSquareRoot', 'none'] as const;

/** sqrt(v) + epsilon, sqrt(v + epsilon), or sqrt(v) whatever epsilon is. */
export type RootEpsilonPlacement = (typeof placements)[number];

export function rootPlacementOption() {
  return choiceOption(placements, {
    default: 'outsideSquareRoot',
    meaning: 'where epsilon is added',
    label: 'epsilon',
  });
}

/** What the rules take in place of both options. */
export function rootEpsilons(epsilon: number, placement: RootEpsilonPlacement): RootEpsilons {
  return {
    insideEpsilon: placement === 'insideSquareRoot' ? epsilon : 0,
    outsideEpsilon: placement === 'outsideSquareRoot' ? epsilon : 0,
  };
}
