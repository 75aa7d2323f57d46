/** Options that every optimiser has, and all of one together. */
import type { serialization } from '@tensorflow/tfjs-core';
import { savedConstraint, type Constraint } from '../constraints/constraint.js';
import { completeValues, mergedOptions, type GivenValues, type Values } from '../options/option.js';
import { checkOptionNames } from '../options/option-names.js';
import { maxGradientValueOption } from '../options/shared.js';
import { functionMarker } from '../values/function-marker.js';
import type { Description } from './description.js';
import { normScopeOption } from './norm-scope.js';
import type { ParameterGroup } from './parameter-groups.js';
import { refusedStepOptions } from './refused-steps.js';
import type { SavedGroups } from './saved-groups.js';
import type { SharedStepOptions } from './shared-steps.js';

const merged = mergedOptions(
  {
    /**
     * Each element of a gradient is clipped at this magnitude before all else, as PyTorch's
     * `clip_grad_value_`: norms, step sizes and weight decay see the clipped gradient. An infinite
     * element becomes this magnitude; NaN stays, and its step is refused. Greater than 0, or null for
     * no clipping. Default: null.
     */
    maxGradientValue: maxGradientValueOption,
  },
  refusedStepOptions,
  normScopeOption,
);

type Declared = typeof merged;

/** Options that every optimiser has, but its constraint and its groups. */
// Has a name for the declaration files.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface DeclaredCommonOptions extends Declared {}

export const commonOptions: DeclaredCommonOptions = merged;

/** Options that every optimiser has; a group may have settings of its own as `OwnGroup` says. */
export interface CommonOptions<OwnGroup = ParameterGroup>
  extends GivenValues<DeclaredCommonOptions>, SharedStepOptions {
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

/** All options of an optimiser: its own and those that every one has. */
export type AllOptions = Values<DeclaredCommonOptions> &
  Required<Pick<CommonOptions, 'constraint' | 'groups' | 'communicator'>> &
  Readonly<Record<string, unknown>>;

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
  const declared = [...Object.keys(options), ...Object.keys(commonOptions)];
  checkOptionNames(owner, given, [...declared, 'constraint', 'groups', 'communicator']);
  const { constraint = null, groups = null, communicator = null } = given as CommonOptions;
  return {
    ...completeValues(owner, given, options, restoring),
    ...completeValues(owner, given, commonOptions, restoring),
    constraint,
    groups,
    communicator,
  };
}

/** The options as JSON can hold them; `groups` as they are saved. */
export function savedOptions(
  all: AllOptions,
  groups: SavedGroups | null,
): serialization.ConfigDict {
  const { constraint, ...options } = all;
  // A saved optimiser that leaves a common option alone does not name it.
  const names = Object.keys(commonOptions) as (keyof DeclaredCommonOptions)[];
  const notSaved: readonly string[] = [
    'communicator',
    ...names.filter((name) => options[name] === commonOptions[name].default),
  ];
  return {
    ...Object.fromEntries(
      Object.entries(options)
        .filter(([name]) => !notSaved.includes(name))
        .map(([name, value]) => [
          name,
          typeof value === 'function' ? { ...functionMarker } : value,
        ]),
    ),
    constraint: savedConstraint(constraint),
    groups: groups as serialization.ConfigDict | null,
  };
}
