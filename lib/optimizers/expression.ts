import { RE2JS } from 're2js';

/**
 * Compiles a regular expression for RE2, whose time grows with the name's length alone.
 *
 * @param source As of a RegExp.
 * @param flags As of a RegExp: i, m and s have their meaning, y keeps to the name's start.
 * @returns Whether a name matches.
 * @throws Error that says what is wrong with the source.
 */
export function compileExpression(source: string, flags: string): (name: string) => boolean {
  const has = (flag: string, value: number) => (flags.includes(flag) ? value : 0);
  const compiled = RE2JS.compile(
    RE2JS.translateRegExp(source),
    has('i', RE2JS.CASE_INSENSITIVE) | has('m', RE2JS.MULTILINE) | has('s', RE2JS.DOTALL),
  );
  if (flags.includes('y')) return (name) => compiled.matcher(name).lookingAt();
  return (name) => compiled.matcher(name).find();
}
