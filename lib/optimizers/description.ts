/** What is said of an optimiser in one place, and the class that is made of it. */
import type { Scalar } from '@tensorflow/tfjs-core';
import type {
  ChangingValues,
  Float32Values,
  GivenValues,
  AnyOption,
  NamesWith,
  OptionRecord,
  OptionsLike,
  Values,
} from '../options/option.js';
import type { Numbers, Rule } from '../rules/rule.js';
import type { ParameterGroup } from './parameter-groups.js';
import { RuleOptimizer, type CommonOptions } from './rule-optimizer.js';

/** A rule, and what its settings are where they are not the options of the same name. */
export interface ChosenRule {
  readonly rule: Rule;
  readonly settings?: Numbers;
  /** Settings that change with the number t of the step, from 1. */
  readonly settingsOfStep?: (stepNumber: number) => Numbers;
  /** Where the rule's arrays of state start, by their names. Default: at 0. */
  readonly initialState?: Numbers;
}

/** An optimiser. What the package knows of one it knows from here. */
export interface Description<
  Options extends OptionsLike<Options> = OptionRecord,
  Name extends string = string,
> {
  /** In {@link createOptimizer}, on the command line and in recorded files. */
  readonly name: Name;
  /** Of the class. */
  readonly className: string;
  /** The class name in saved models. Default: the class's own. */
  readonly savedAs?: string;
  /** In charts and logs. */
  readonly title: string;
  /** The paper or library that it is from. */
  readonly source: string;
  /** The step, in docs/optimisers.md's notation. */
  readonly formula: string;
  /** All that the options can ask for. */
  readonly rules: readonly Rule[];
  readonly options: Options;
  /**
   * The rule that checked options ask for.
   *
   * @param values As they were given, with the defaults.
   * @param settings Numbers and flags as engines take them.
   * @param largest Of each option that a group may have the largest value of any group.
   */
  configure(
    values: Values<NoInfer<Options>>,
    settings: Float32Values<NoInfer<Options>>,
    largest: Float32Values<NoInfer<Options>>,
  ): ChosenRule;
  /** Gives the loss of a step where that is not the one handed over. */
  loss?(this: void, values: Values<NoInfer<Options>>): number | Scalar;
}

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
