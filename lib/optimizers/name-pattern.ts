import { RE2JS } from 're2js';

/** 700 letters of the worst that fits take 1 s to compile, and the time grows with their square. */
const mostLetters = 1000;

/**
 * A regular expression over the names of variables.
 *
 * NOTE [patterns of a saved model]
 * Patterns are saved with a model and run where it is loaded. JavaScript's own engine needs a time for
 * some that doubles with each letter of the name (`(a+)+$`), so that a model file could hang a
 * training. RE2's grows with the name's length alone. What it cannot run so (lookahead, lookbehind,
 * backreferences) is refused where the group is made, and not after the training that saves it.
 */
export class NamePattern {
  readonly #compiled: RE2JS;
  readonly #atStart: boolean;

  /**
   * @param source As of a RegExp.
   * @param flags As of a RegExp: i, m and s have their meaning, y keeps to the name's start.
   * @throws Error that says what is wrong with the source.
   */
  constructor(
    readonly source: string,
    readonly flags: string,
  ) {
    if (source.length > mostLetters) {
      throw new Error(`it has ${source.length} letters, and may have ${mostLetters}`);
    }
    const has = (flag: string, value: number) => (flags.includes(flag) ? value : 0);
    this.#compiled = RE2JS.compile(
      RE2JS.translateRegExp(source),
      has('i', RE2JS.CASE_INSENSITIVE) | has('m', RE2JS.MULTILINE) | has('s', RE2JS.DOTALL),
    );
    this.#atStart = flags.includes('y');
  }

  matches(name: string): boolean {
    const matcher = this.#compiled.matcher(name);
    return this.#atStart ? matcher.lookingAt() : matcher.find();
  }

  toString(): string {
    return `/${this.source}/${this.flags}`;
  }
}
