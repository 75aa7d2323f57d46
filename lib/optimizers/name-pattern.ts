import { compileExpression } from '#expression';

/** 700 letters of the worst that fits take RE2 1 s to compile, and the time grows with their square. */
const mostLetters = 1000;

/**
 * A regular expression over the names of variables.
 *
 * NOTE [patterns of a saved model]
 * Patterns are saved with a model and run where it is loaded. JavaScript's own engine needs a time for
 * some that doubles with each letter of the name (`(a+)+$`), so that a model file could hang a
 * training. In Node RE2 runs them, whose time grows with the name's length alone. What it cannot run so
 * (lookahead, lookbehind, backreferences) is refused where the group is made, and not after the
 * training that saves it.
 */
export class NamePattern {
  /** Whether it finds its expression in a name. */
  readonly matches: (name: string) => boolean;

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
    this.matches = compileExpression(source, flags);
  }

  toString(): string {
    return `/${this.source}/${this.flags}`;
  }
}
