import type { Rule } from '../rules/rule.js';
import { choiceOption, type Values } from '../options/option.js';

const option = {
  /**
   * Of optimisers whose step size comes from the loss and the gradient: 'global', one norm and one
   * step size for all variables together, as published; or 'group', a norm and a step size for each
   * parameter group, of which the variables that no group names are one. With the parameters w_k and
   * the gradient g_k of group k, AliG's step is then min((loss - lowerBound) / (|g_k|^2 + epsilon),
   * maxLearningRate_k) along g_k, with the same loss for all. Norms, products and clipping are the
   * group's; a constraint stays as it is, so that `l2Ball` covers all variables together. Where one
   * group's step is refused none is made. Not with L4Adam, L4Mom, Momo, MomoAdam and the 'smoothIter'
   * form of Sps, whose averages and previous step size are those of the whole step. Default: 'global'.
   */
  normScope: choiceOption(['global', 'group'], {
    default: 'global',
    meaning: 'over what the norm is that a step size is computed from',
  }),
};

type Declared = typeof option;

/** Over what the norm is that a step size is computed from. */
// Has a name for the declaration files.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface NormScopeOption extends Declared {}

export const normScopeOption: NormScopeOption = option;

/**
 * Whether each group has a norm of its own.
 *
 * @throws RangeError where the rule cannot have it.
 */
export function isByGroup(
  owner: string,
  { normScope }: Values<NormScopeOption>,
  rule: Rule,
): boolean {
  if (normScope === 'global') return false;
  if (rule.usesLoss && rule.scalars.length === 0) return true;
  throw new RangeError(
    `${owner}: normScope must be 'global' here, not 'group': ` +
      (rule.usesLoss
        ? `its ${rule.scalars.join(', ')} would be needed for each group. `
        : 'its step size does not come from the loss and the gradient norm. ') +
      'Leave it out, or take an optimiser whose step size comes from this step alone, such as AliG.',
  );
}
