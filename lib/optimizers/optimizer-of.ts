/** The class that is made of a description. */
import type {
  AnyOption,
  ChangingValues,
  GivenValues,
  NamesWith,
  OptionsLike,
  Values,
} from '../options/option.js';
import type { CommonOptions } from './common-options.js';
import type { Description } from './description.js';
import type { ParameterGroup } from './parameter-groups.js';
import { RuleOptimizer } from './rule-optimizer.js';

/** What a group may have of its own. */
type GroupValues<Options> = Partial<Values<Options, NamesWith<Options, 'ofGroup'>>>;

/** Options of an optimiser as its constructor takes them. */
type ConstructorOptions<Options> = GivenValues<Options> &
  CommonOptions<ParameterGroup<GroupValues<Options>>>;

/** What is made of a description. */
export interface OptimizerClass<Options extends OptionsLike<Options>, Name extends string> {
  /**
   * @throws TypeError for an unknown or missing option, RangeError for a value out of range.
   */
  new (
    ...given: NamesWith<Options, 'required'> extends never
      ? [options?: ConstructorOptions<Options>]
      : [options: ConstructorOptions<Options>]
  ): RuleOptimizer & ChangingValues<Options>;
  /** The name under which models are saved. */
  readonly className: string;
  readonly description: Description<Options, Name>;
  fromConfig: typeof RuleOptimizer.fromConfig;
}

/** Options of an optimiser, by its class. */
export type OptionsOf<Class> = Class extends {
  readonly description: { readonly options: infer Options };
}
  ? ConstructorOptions<Options>
  : never;

/**
 * The class of an optimiser: {@link RuleOptimizer}, with an accessor for each option that may change
 * between steps.
 */
export function optimizerOf<Options extends OptionsLike<Options>, const Name extends string>(
  description: Description<Options, Name>,
): OptimizerClass<Options, Name> {
  const isRequired = Object.values<AnyOption>(description.options).some(({ required }) => required);
  class Described extends RuleOptimizer {
    static readonly className = description.savedAs ?? description.className;
    static readonly description = description;

    constructor(options: unknown) {
      super(description, options === undefined && !isRequired ? {} : options);
    }
  }
  for (const [name, { changes }] of Object.entries<AnyOption>(description.options)) {
    if (!changes) continue;
    Object.defineProperty(Described.prototype, name, {
      configurable: true,
      get(this: Described) {
        return this.option(name);
      },
      set(this: Described, value: unknown) {
        this.change({ [name]: value });
      },
    });
  }
  return Described as unknown as OptimizerClass<Options, Name>;
}
