/** What is said of an optimiser in one place. optimizer-of.ts makes its class. */
import type { Scalar } from '@tensorflow/tfjs-core';
import type { Float32Values, OptionRecord, OptionsLike, Values } from '../options/option.js';
import type { Numbers, Rule } from '../rules/rule.js';

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
