/** Options that every optimiser has, and all of one together. */
import type { serialization } from '@tensorflow/tfjs-core';
import { savedConstraint, type Constraint } from '../constraints/constraint.js';
import { completeValues } from '../options/option.js';
import { checkOptionNames } from '../options/option-names.js';
import { functionMarker } from '../values/function-marker.js';
import type { Description } from './description.js';
import { normScopeDefaults, type NormScopeOptions } from './norm-scope.js';
import type { ParameterGroup } from './parameter-groups.js';
import {
  refusedStepDefaults,
  savedRefusedSteps,
  type RefusedStepOptions,
} from './refused-steps.js';
import type { SavedGroups } from './saved-groups.js';
import { sharedStepDefaults, type SharedStepOptions } from './shared-steps.js';

/** Options that every optimiser has; a group may have settings of its own as `OwnGroup` says. */
export interface CommonOptions<OwnGroup = ParameterGroup>
  extends RefusedStepOptions, NormScopeOptions, SharedStepOptions {
  /**
   * The feasible set: `l2Ball(radius)`, which is part of the fused step; `box(lower, upper)`,
   * `nonNegative`, `simplex` or a function of the variables, which are a pass of its own after it;
   * `none` or null for none. Default: null.
   *
   * It covers the variables that a step names, with or without a gradient, but none that is not
   * trainable. It applies after each step, and before the first one to the variables that it is
   * given: `minimize` without a list of variables knows them only after it has called its function,
   * and takes the first step from where they are. A function cannot be saved: a loaded optimiser asks for it before its first step.
   */
  constraint?: Constraint | null;
  /**
   * Variables with settings of their own: what acts on one element, such as learning rate, momentum
   * and weight decay, as far as the optimiser has it. All norms and other sums are over all variables
   * together, unless `normScope` is 'group'. What no group names has the optimiser's own settings.
   * Default: null.
   */
  groups?: readonly OwnGroup[] | SavedGroups | null;
}

const commonDefaults: Required<CommonOptions> = {
  constraint: null,
  groups: null,
  ...refusedStepDefaults,
  ...normScopeDefaults,
  ...sharedStepDefaults,
};

/** All options of an optimiser: its own and those that every one has. */
export type AllOptions = Required<CommonOptions> & Readonly<Record<string, unknown>>;

/** Whether a saved optimiser is being made: its options may be what they became between steps. */
let restoring = false;

/** Calls `make`, which makes an optimiser of options that were saved. */
export function whileRestoring<Made>(make: () => Made): Made {
  restoring = true;
  try {
    return make();
  } finally {
    restoring = false;
  }
}

/** The options of a new optimiser, checked and with the defaults. */
export function allOptions({ className: owner, options }: Description, given: unknown): AllOptions {
  const common = Object.entries(commonDefaults);
  checkOptionNames(owner, given, [...Object.keys(options), ...Object.keys(commonDefaults)]);
  return {
    ...completeValues(owner, given, options, restoring),
    ...(Object.fromEntries(
      common.map(([name, standard]) => [name, given[name] === undefined ? standard : given[name]]),
    ) as Required<CommonOptions>),
  };
}

/** The options as JSON can hold them; `groups` as they are saved. */
export function savedOptions(
  all: AllOptions,
  groups: SavedGroups | null,
): serialization.ConfigDict {
  const { onNonFinite, maxSkippedSteps, normScope, constraint, ...others } = all;
  const saved = Object.entries(others).filter(([name]) => !(name in sharedStepDefaults));
  return {
    ...Object.fromEntries(
      saved.map(([name, value]) => [
        name,
        typeof value === 'function' ? { ...functionMarker } : value,
      ]),
    ),
    // A saved optimiser that leaves it alone does not name it.
    ...(normScope === normScopeDefaults.normScope ? {} : { normScope }),
    ...savedRefusedSteps({ onNonFinite, maxSkippedSteps }),
    constraint: savedConstraint(constraint),
    groups: groups as serialization.ConfigDict | null,
  };
}
