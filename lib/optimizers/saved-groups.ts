/** Parameter groups as a configuration holds them, in numbers alone. */
import * as z from 'zod/mini';
import { shown } from '../values/shown.js';

/**
 * NOTE [texts in a saved configuration]
 * tfjs-layers camel-cases every string of an optimiser's configuration on load: the name
 * dense_one/kernel would come back as denseOne/kernel. Names and regular expressions are therefore
 * saved as lists of their UTF-16 code units, which it leaves alone.
 */
type SavedText = readonly number[];

type SavedReference =
  { readonly text: SavedText } | { readonly source: SavedText; readonly flags: SavedText };

/** Groups as getConfig gives them, in numbers alone. */
export interface SavedGroups {
  /** The variables that the optimiser had been given, in order. */
  readonly variables: readonly { readonly name: SavedText; readonly shape: readonly number[] }[];
  readonly groups: readonly {
    /** Places in the list of variables. */
    readonly indices: readonly number[];
    /** What variables that come later are compared with. */
    readonly references: readonly SavedReference[];
    readonly settings: Readonly<Record<string, number | null>>;
  }[];
}

export function savedText(text: string): SavedText {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

export function textOf(codes: SavedText): string {
  return codes.map((code) => String.fromCharCode(code)).join('');
}

function wholeNumber(most: number, text: string) {
  const error = `${text}, a whole number from 0 to ${most}`;
  return z
    .number({ error })
    .check(z.refine((value) => Number.isInteger(value) && value >= 0 && value <= most, error));
}

function listOf<Item extends z.core.$ZodType>(item: Item, text: string) {
  return z.array(item, { error: `a list of ${text}` });
}

const text = listOf(wholeNumber(0xffff, 'a UTF-16 code unit'), 'UTF-16 code units');
const place = wholeNumber(2 ** 31 - 1, 'the place of a variable');

const schema = z.strictObject(
  {
    variables: listOf(
      z.strictObject(
        { name: text, shape: listOf(wholeNumber(2 ** 53 - 1, 'a length'), 'lengths') },
        { error: 'an object {name, shape} and nothing else' },
      ),
      'variables',
    ),
    groups: listOf(
      z.strictObject(
        {
          indices: listOf(place, 'places of variables'),
          references: listOf(
            z.union([z.strictObject({ text }), z.strictObject({ source: text, flags: text })], {
              error: '{text} or {source, flags}, each a list of UTF-16 code units',
            }),
            'references',
          ),
          settings: z.record(
            z.string(),
            z.nullable(z.number({ error: 'a finite number or null' })),
            { error: 'an object of numbers' },
          ),
        },
        { error: 'an object {indices, references, settings} and nothing else' },
      ),
      'groups',
    ),
  },
  { error: 'an object {variables, groups} and nothing else' },
);

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<PropertyKey, unknown>>)[key],
    value,
  );
}

/** "groups[0].indices[2]" */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

/** What every error about a damaged configuration says to do. */
export const damagedRemedy =
  'the saved configuration is damaged: take an earlier save, or make the optimiser with groups of ' +
  'its own';

/**
 * Checks what {@link SavedGroups} a configuration holds.
 *
 * @throws TypeError that names the field, what it must be and what it was.
 */
export function checkedSavedGroups(owner: string, groups: object): SavedGroups {
  const result = z.safeParse(schema, groups);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw new TypeError(
      `${owner}: saved groups: ${pathText(path) || 'groups'} must be ${message}, not ` +
        `${shown(valueAt(groups, path))}; ${damagedRemedy}.`,
    );
  }
  const groupOf = new Map<number, number>();
  result.data.groups.forEach(({ indices }, group) => {
    indices.forEach((index, i) => {
      const label = `${owner}: saved groups: groups[${group}].indices[${i}]`;
      if (index >= result.data.variables.length) {
        throw new TypeError(
          `${label} must be the place of one of ${result.data.variables.length} variables, not ` +
            `${index}; ${damagedRemedy}.`,
        );
      }
      const other = groupOf.get(index);
      if (other !== undefined) {
        throw new TypeError(
          `${label} must be a variable of this group alone, and ${index} is in groups[${other}] as ` +
            `well; ${damagedRemedy}.`,
        );
      }
      groupOf.set(index, group);
    });
  });
  return result.data;
}
