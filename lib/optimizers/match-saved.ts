/** Which saved entry belongs to which variable: of state and of groups, by the same rule. */

/** What is known of a variable, also of one of another session. */
export interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Whether tfjs made a name up: 3 of tf.variable(values), dense_Dense1/kernel of a layer without a
 * name. It counts what was made so far, so that the same name is another variable's where a program
 * makes its variables in another order.
 */
export function isMadeUp(name: string): boolean {
  if (/^\d+$/.test(name)) return true;
  return name.split('/').some((part) => {
    const [, before, className] = /^(.+)_([A-Z]\w*?)\d+$/.exec(part) ?? [];
    return className !== undefined && before!.replaceAll('_', '').endsWith(className.toLowerCase());
  });
}

function sameShape(a: Named, b: Named): boolean {
  return String(a.shape) === String(b.shape);
}

/** The places in `saved` of variables in the same order, each as early as can be; null: none. */
function inOrder(saved: readonly Named[], variables: readonly Named[]): number[] | null {
  const places: number[] = [];
  saved.forEach((each, place) => {
    const next = variables[places.length];
    if (next && sameShape(each, next)) places.push(place);
  });
  return places.length === variables.length ? places : null;
}

/** As {@link inOrder}, each as late as can be. */
function inOrderFromEnd(saved: readonly Named[], variables: readonly Named[]): number[] | null {
  const places = inOrder([...saved].reverse(), [...variables].reverse());
  return places && places.map((place) => saved.length - 1 - place).reverse();
}

/**
 * The place in `saved` of each variable, undefined where nothing was saved for it.
 *
 * Names that somebody gave find theirs in any order. Where none does, lists of the same length are
 * matched by their order: names change from session to session. What is left (names that tfjs made
 * up, or that were changed) is matched by order and shape, if there is one way alone to do so: the
 * other variables of the saved list may be frozen.
 *
 * @param owner Is named in errors.
 * @param what 'the saved state is that of' or 'the saved groups are those of', for errors.
 * @param newOnes Whether variables may be among them that nothing was saved for.
 * @throws RangeError where nothing fits, or more than one way does.
 */
export function matchSaved(
  owner: string,
  what: string,
  saved: readonly Named[],
  variables: readonly Named[],
  newOnes: boolean,
): (number | undefined)[] {
  const placeOf = new Map(
    saved.flatMap(({ name }, place) => (isMadeUp(name) ? [] : [[name, place] as const])),
  );
  const found = variables.map(({ name }) => placeOf.get(name));
  const noneFound = found.every((place) => place === undefined);
  if (noneFound && !newOnes && saved.length === variables.length) return [...saved.keys()];

  const taken = new Set(found);
  for (const madeUp of [true, false]) {
    const isLeft = ({ name }: Named) => isMadeUp(name) === madeUp;
    const left = [...saved.entries()].filter(([i, each]) => !taken.has(i) && isLeft(each));
    const shapes = new Set(left.map(([, { shape }]) => String(shape)));
    const open = [...variables.entries()].filter(
      ([i, each]) =>
        found[i] === undefined && isLeft(each) && (!newOnes || shapes.has(String(each.shape))),
    );
    const [savedLeft, variablesOpen] = [left, open].map((list) => list.map(([, each]) => each));
    const places = inOrder(savedLeft!, variablesOpen!);
    const others = inOrderFromEnd(savedLeft!, variablesOpen!);
    if (!places || String(places) !== String(others)) {
      const counts =
        `${owner}: ${what} ${saved.length} variables, but there are ` +
        `${variables.length} variables`;
      const names = variablesOpen!.map(({ name }) => `'${name}'`).join(', ');
      throw new RangeError(
        places
          ? `${counts}, and more than one of the saved fits ${names} by order and shape; name the ` +
              'variables (and layers) before saving, or make the first step with the whole list ' +
              'that was saved, and freeze layers after it.'
          : `${counts}; it belongs to another model or another list of variables: nothing that was ` +
              `saved fits ${names}.`,
      );
    }
    open.forEach(([i], k) => {
      found[i] = left[places[k]!]![0];
    });
  }
  return found;
}
