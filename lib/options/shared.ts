/** Ranges and options that more than one optimiser has. */
import { numberOption, type Option, type RequiredOption } from './option.js';

export const finite = {};
export const positive = { above: 0 } as const;
export const notNegative = { atLeast: 0 } as const;
export const atLeastOne = { atLeast: 1 } as const;
export const belowOne = { atLeast: 0, below: 1 } as const;

/** The radius of the L2 ball, where it stands for the constraint. */
export const maxNormOption = numberOption(
  { ...positive, none: 'no constraint' },
  {
    default: null,
    meaning: 'radius of the L2 ball that the parameters stay in',
    label: 'L2 ball of radius',
  },
);

/** Clipping of gradients by value, in every step. */
export const maxGradientValueOption = numberOption(
  { ...positive, none: 'no clipping' },
  {
    default: null,
    meaning: 'magnitude that each element of a gradient is clipped at',
    label: 'gradients clipped at',
  },
);

/** A learning rate that each group may have of its own. */
export function learningRateOption<const Standard extends number | RequiredOption>(
  standard: Standard,
  facts: { readonly meaning?: string; readonly symbol?: string } = {},
) {
  return numberOption(notNegative, {
    default: standard,
    meaning: 'learning rate',
    symbol: 'eta',
    ...facts,
    changes: true,
    ofGroup: true,
  });
}

const infinity = 'no maximal learning rate (ALI-G-infinity)';

/** The maximal learning rate of ALI-G. */
export function maxLearningRateOption<const Standard extends null | RequiredOption>(
  standard: Standard,
) {
  return numberOption(
    { ...notNegative, none: infinity },
    {
      default: standard,
      meaning: 'largest step size',
      symbol: 'eta',
      label: 'maximal learning rate',
      changes: true,
      ofGroup: true,
      // As the published constructor: 0 is a mistake to begin with, and the end of a schedule.
      start: { ...positive, none: infinity },
    },
  );
}

/** Momentum of the given kind. */
export function momentumOption(standard: number, meaning = 'momentum') {
  return numberOption(belowOne, { default: standard, meaning, symbol: 'mu', ofGroup: true });
}

/** Weight decay that each group may have of its own. */
export function weightDecayOption(standard: number, meaning = 'weight decay') {
  return numberOption(notNegative, {
    default: standard,
    meaning,
    symbol: 'lambda',
    label: 'weight decay',
    changes: true,
    ofGroup: true,
  });
}

/** The decay rate of a moving average. */
export function averageOption(standard: number, meaning: string, symbol?: string) {
  return numberOption(belowOne, { default: standard, meaning, ...(symbol && { symbol }) });
}

/** The same option, of which a group of parameters may have a value of its own. */
export function ofGroup<Value>(option: Option<Value>): Option<Value, 'ofGroup'> {
  return { ...option, ofGroup: true };
}

/** What keeps a denominator from being 0. */
export function epsilonOption(standard: number, meaning: string, symbol?: string) {
  return numberOption(notNegative, { default: standard, meaning, ...(symbol && { symbol }) });
}

/**
 * 1 - the decay rate of an average, rounded after the subtraction: the float32 nearest 0.999 is so
 * far off that 1 - it is wrong in the fifth digit.
 */
export function averageWeight(decay: number): number {
  return Math.fround(1 - decay);
}

/** The smallest value that a loss can have, from which step sizes are computed. */
export const optimalValueOption = numberOption(finite, {
  default: 0,
  meaning: 'smallest value that the loss can have',
  symbol: 'f*',
  label: 'smallest loss',
  changes: true,
});
