/**
 * The steps of the Penn Treebank's tokeniser, in the order in which each is applied to the whole
 * sentence. `$1` and `$2` are the parts of a match, `$&` all of it.
 */
const steps: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Opening quotes; every quote that is left after that is a closing one.
  [/^"/, '`` '],
  [/([ ([{<])"/g, '$1 `` '],
  [/\.\.\./g, ' ... '],
  [/[,;:@#$%&]/g, ' $& '],
  // A period is a token only at the end: elsewhere it belongs to an abbreviation.
  [/([^.])(\.)([\])}>"']*)[ \t]*$/u, '$1 $2$3 '],
  [/[?!]/g, ' $& '],
  [/[\][(){}<>]/g, ' $& '],
  [/--/g, ' -- '],
  // So that what follows finds a space on both sides of each word.
  [/$/, ' '],
  [/^/, ' '],
  [/"/g, " '' "],
  // Possessives and closing single quotes, then contractions.
  [/([^'])' /gu, "$1 ' "],
  [/'([sSmMdD]) /g, " '$1 "],
  [/'ll /g, " 'll "],
  [/'re /g, " 're "],
  [/'ve /g, " 've "],
  [/n't /g, " n't "],
  [/'LL /g, " 'LL "],
  [/'RE /g, " 'RE "],
  [/'VE /g, " 'VE "],
  [/N'T /g, " N'T "],
  [/ ([Cc])annot /g, ' $1an not '],
  [/ ([Dd])'ye /g, " $1' ye "],
  [/ ([Gg])imme /g, ' $1im me '],
  [/ ([Gg])onna /g, ' $1on na '],
  [/ ([Gg])otta /g, ' $1ot ta '],
  [/ ([Ll])emme /g, ' $1em me '],
  [/ ([Mm])ore'n /g, " $1ore 'n "],
  [/ '([Tt])is /g, " '$1 is "],
  [/ '([Tt])was /g, " '$1 was "],
  [/ ([Ww])anna /g, ' $1an na '],
];

/**
 * The words and punctuation marks of a sentence, as the Penn Treebank's script divides it (R. MacIntyre,
 * 1995, `tokenizer.sed`), which the published code applies to SNLI. Written here because the npm packages
 * that call themselves so (as `natural`) follow NLTK's later rules, which divide otherwise.
 * @example tokenize("He can't go.") // ['He', 'ca', "n't", 'go', '.']
 */
export function tokenize(sentence: string): string[] {
  const divided = steps.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    sentence,
  );
  return divided.split(/\s+/u).filter((token) => token !== '');
}
