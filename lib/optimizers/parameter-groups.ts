/** Parameter groups: settings that some variables have of their own. */
import { engine, Variable } from '@tensorflow/tfjs-core';
import { checkOption, type OptionRecord } from '../options/option.js';
import { isRegExp } from '../values/brands.js';
import { isGone } from '../step/checks.js';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';
import { matchSaved } from './match-saved.js';
import { NamePattern } from './name-pattern.js';
import { checkedSavedGroups, savedText, textOf, type SavedGroups } from './saved-groups.js';

/**
 * Some variables, with settings in place of the optimiser's own: what acts on one element, as far as
 * the optimiser has it (learning rate, maximal learning rate, momentum, weight decay, ...).
 */
export type ParameterGroup<Settings = unknown> = {
  /**
   * The variables of the group: a string is the whole name of one, a regular expression takes in
   * every variable whose name it matches, now or later. In Node it is run by RE2, also after loading,
   * and so has no lookahead, lookbehind or backreference.
   */
  variables: readonly (string | RegExp | Variable)[];
} & Settings;

type Reference = string | NamePattern | Variable;

/** A group whose references and settings are checked. */
interface Group {
  readonly references: readonly Reference[];
  /** As they were given. */
  readonly overrides: Readonly<Record<string, number | null>>;
}

/** The variables that a loaded optimiser knows by their place. */
interface KnownVariable {
  readonly name: string;
  readonly shape: readonly number[];
  /** Its group, or -1. */
  readonly group: number;
}

function matches(reference: Reference, variable: Variable): boolean {
  if (typeof reference === 'string') return reference === variable.name;
  if (reference instanceof NamePattern) return reference.matches(variable.name);
  return reference === variable;
}

function shownReference(reference: Reference): string {
  if (typeof reference === 'string') return `'${reference}'`;
  return reference instanceof NamePattern ? String(reference) : `variable '${reference.name}'`;
}

/** Whether this can be meant as what {@link ParameterGroups.saved} gave. */
function isSaved(given: unknown): given is object {
  return typeof given === 'object' && given !== null && 'groups' in given;
}

/**
 * An optimiser's parameter groups, and which variable belongs to which. Variables are assigned when
 * a step first names them.
 */
export class ParameterGroups {
  private readonly groups: readonly Group[];
  private readonly known: readonly KnownVariable[];
  /** Of the settings that a group may have of its own. */
  private readonly names: readonly string[];
  private readonly groupOf = new WeakMap<Variable, number>();
  /** Whether variables were assigned already. */
  private started = false;
  /** The known variables that steps have named. */
  private readonly found = new Map<KnownVariable, Variable>();

  /**
   * @param owner Is named in errors.
   * @param given The option `groups`, or what {@link saved} gave.
   * @param options The optimiser's own options.
   * @param ownSteps Whether each group has a step size of its own, also without any setting.
   * @throws TypeError or RangeError for what is no list of groups.
   */
  constructor(
    private readonly owner: string,
    given: unknown,
    private readonly options: OptionRecord,
    ownSteps: boolean,
  ) {
    this.known = [];
    this.names = Object.keys(options).filter((name) => options[name]!.ofGroup);
    if (given === null) {
      this.groups = [];
      return;
    }
    if (this.names.length === 0 && !ownSteps) {
      throw new TypeError(
        `${owner}: groups must be left out: this optimiser has no setting that a group of variables ` +
          'could have of its own.',
      );
    }
    if (isSaved(given)) {
      const { variables, groups } = checkedSavedGroups(owner, given);
      this.groups = groups.map(({ references, settings }, i) => {
        checkOptionNames(`${owner}: groups[${i}]`, settings, this.names);
        return {
          references: references.map((reference, k) =>
            'text' in reference
              ? textOf(reference.text)
              : this.pattern(i, k, textOf(reference.source), textOf(reference.flags)),
          ),
          overrides: this.checkedOverrides(i, settings),
        };
      });
      const groupOf = new Map(
        groups.flatMap(({ indices }, group) => indices.map((index) => [index, group] as const)),
      );
      this.known = variables.map(({ name, shape }, index) => ({
        name: textOf(name),
        shape,
        group: groupOf.get(index) ?? -1,
      }));
      return;
    }
    if (!Array.isArray(given)) {
      throw new TypeError(
        `${owner}: groups must be a list of {variables, ...settings}, not ${shown(given)}.`,
      );
    }
    this.groups = given.map((group: unknown, i) => this.checkedGroup(i, group));
  }

  /** The settings of each group that differ from the optimiser's own. */
  get overrides(): Group['overrides'][] {
    return this.groups.map(({ overrides }) => overrides);
  }

  /**
   * The group of each variable, -1 where none names it.
   *
   * @param variables All that the optimiser has been given, in order.
   * @throws Error for a variable in two groups and for a name that fits nothing, RangeError where
   * saved groups belong to other variables.
   */
  assign(variables: readonly Variable[]): number[] {
    if (this.groups.length === 0) return variables.map(() => -1);
    const unassigned = variables.filter((variable) => !this.groupOf.has(variable));
    if (unassigned.length > 0) {
      if (!this.started && this.known.length === 0) this.checkReferences(variables);
      const known = this.knownAmong(unassigned);
      const found = unassigned.map((variable, i) => known[i]?.group ?? this.namedGroup(variable));
      unassigned.forEach((variable, i) => this.groupOf.set(variable, found[i]!));
      this.started = true;
    }
    return variables.map((variable) => this.groupOf.get(variable)!);
  }

  /**
   * The groups as JSON can hold them: by the places of the variables, with their shapes to check,
   * since names change from session to session. What names variables that no step has named yet is
   * kept as well, for those that come later.
   */
  saved(variables: readonly Variable[]): SavedGroups | null {
    if (this.groups.length === 0) return null;
    // In the order in which they were saved; one that is frozen may have been named by no step yet.
    const loaded = this.known.flatMap((each) => {
      const variable = this.found.get(each);
      return variable && isGone(variable) ? [] : [{ ...each, name: variable?.name ?? each.name }];
    });
    const found = new Set(this.found.values());
    const others = variables.filter((variable) => !found.has(variable));
    const known: readonly KnownVariable[] = [
      ...loaded,
      ...others.map((variable) => ({
        name: variable.name,
        shape: variable.shape,
        group: this.groupOf.get(variable) ?? -1,
      })),
    ];
    return {
      variables: known.map(({ name, shape }) => ({ name: savedText(name), shape: [...shape] })),
      groups: this.groups.map(({ references, overrides }, i) => ({
        indices: known.flatMap(({ group }, index) => (group === i ? [index] : [])),
        references: references.map((reference) =>
          reference instanceof NamePattern
            ? { source: savedText(reference.source), flags: savedText(reference.flags) }
            : { text: savedText(typeof reference === 'string' ? reference : reference.name) },
        ),
        settings: { ...overrides },
      })),
    };
  }

  private checkedGroup(i: number, group: unknown): Group {
    const label = `${this.owner}: groups[${i}]`;
    checkOptionNames(label, group, ['variables', ...this.names]);
    const { variables, ...settings } = group;
    if (!Array.isArray(variables) || variables.length === 0) {
      throw new TypeError(
        `${label}: variables must be a list of at least one name, RegExp or tf.Variable, not ` +
          `${Array.isArray(variables) ? 'an empty list' : shown(variables)}.`,
      );
    }
    const references = variables.map((reference: unknown, k): Reference => {
      if (isRegExp(reference)) return this.pattern(i, k, reference.source, reference.flags);
      if (typeof reference === 'string' || reference instanceof Variable) return reference;
      throw new TypeError(
        `${label}: variables[${k}] must be a name, a RegExp or a tf.Variable, not ` +
          `${shown(reference)}.`,
      );
    });
    return {
      references,
      overrides: this.checkedOverrides(i, settings),
    };
  }

  /** The pattern variables[k] of a group. */
  private pattern(i: number, k: number, source: string, flags: string): NamePattern {
    try {
      return new NamePattern(source, flags);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TypeError(
        `${this.owner}: groups[${i}]: variables[${k}] is the regular expression /${source}/${flags}, ` +
          `which cannot be run in a time that is bounded (${reason}); write it without lookahead, ` +
          'lookbehind and backreferences, or give the names of the variables.',
        { cause: error },
      );
    }
  }

  private checkedOverrides(
    i: number,
    settings: Readonly<Record<string, unknown>>,
  ): Group['overrides'] {
    const given = this.names.filter((name) => settings[name] !== undefined);
    for (const name of given) {
      checkOption(`${this.owner}: groups[${i}]`, name, this.options[name]!, settings[name]);
    }
    return Object.fromEntries(given.map((name) => [name, settings[name] as number | null]));
  }

  /** Whatever is named must exist, so that a misspelt name does not go unnoticed. */
  private checkReferences(given: readonly Variable[]): void {
    const variables = new Set([...given, ...Object.values(engine().registeredVariables)]);
    this.groups.forEach(({ references }, i) => {
      for (const reference of references) {
        if (reference instanceof Variable) {
          if (!isGone(reference)) continue;
        } else if ([...variables].some((variable) => matches(reference, variable))) continue;
        throw new Error(
          `${this.owner}: groups[${i}] names ${shownReference(reference)}, but there is no such ` +
            `variable; the variables of this step are ` +
            `${given.map(({ name }) => `'${name}'`).join(', ')}.`,
        );
      }
    });
  }

  private namedGroup(variable: Variable): number {
    const found = this.groups.flatMap(({ references }, i) =>
      references.some((reference) => matches(reference, variable)) ? [i] : [],
    );
    if (found.length > 1) {
      throw new Error(
        `${this.owner}: variable '${variable.name}' is in groups[${found[0]!}] and in ` +
          `groups[${found[1]!}]; name it in one of them.`,
      );
    }
    return found[0] ?? -1;
  }

  /** The variables as the saved groups know them, found as saved state finds its variables. */
  private knownAmong(variables: readonly Variable[]): (KnownVariable | undefined)[] {
    const left = this.known.filter((each) => !this.found.has(each));
    if (left.length === 0) return [];
    const found = matchSaved(
      this.owner,
      'the saved groups are those of',
      left,
      variables,
      this.started,
    ).map((place) => (place === undefined ? undefined : left[place]));
    found.forEach((known, i) => {
      const { name, shape } = variables[i]!;
      if (!known || String(known.shape) === String(shape)) return;
      throw new RangeError(
        `${this.owner}: saved groups: variable ${this.known.indexOf(known)} had the shape ` +
          `[${known.shape.join(', ')}], but '${name}' has [${shape.join(', ')}]; they belong to ` +
          'another model: make the optimiser with groups for this one.',
      );
    });
    found.forEach((known, i) => {
      if (known) this.found.set(known, variables[i]!);
    });
    return found;
  }
}
