/** The tables of docs/optimisers.md, made from the descriptions of the optimisers. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { commonOptions } from '../../lib/optimizers/common-options.js';
import { optimizers, type AnyOption, type Description } from '../../lib/index.js';

const page = new URL('../../../docs/optimisers.md', import.meta.url);

const descriptions: readonly Description[] = Object.values(optimizers).map(
  ({ description }) => description as unknown as Description,
);

/** The options of an optimiser: its own, then those of all. */
function optionsOf({ options }: Description): Readonly<Record<string, AnyOption>> {
  return { ...options, ...commonOptions };
}

/** A text as it stands in a cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [columns, columns.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** 4 bytes for each array of state of each rule that the options can ask for. */
function stateOf({ rules }: Description): string {
  return [...new Set(rules.map(({ state }) => 4 * state.length))].sort((a, b) => a - b).join(', ');
}

function optimizerTable(): string {
  return table(
    ['Class', 'Name', 'Step', 'Source', 'State'],
    descriptions.map((each) => [
      `\`${each.className}\``,
      each.name,
      cell(each.formula),
      each.source,
      stateOf(each),
    ]),
  );
}

function defaultOf({ default: standard, required }: AnyOption): string {
  return required ? 'to be given' : String(standard);
}

/** The same option of some optimisers, with their names by what is said of it. */
function namesBy(
  owners: readonly (readonly [string, AnyOption])[],
  textOf: (option: AnyOption) => string,
): string {
  const texts = [...new Set(owners.map(([, option]) => textOf(option)))];
  const all = texts.length === 1;
  return texts
    .map((text) => {
      const names = owners.flatMap(([name, option]) => (textOf(option) === text ? [name] : []));
      return all ? cell(text) : `${cell(text)} (${names.join(', ')})`;
    })
    .join('; ');
}

function optionTable(): string {
  const names = new Set(descriptions.flatMap((each) => Object.keys(optionsOf(each))));
  return table(
    ['Option', 'Of', 'It is', 'Range', 'Default', 'Symbol', 'Changes', 'Groups'],
    [...names].map((name) => {
      const owners = descriptions.flatMap((each) => {
        const option = optionsOf(each)[name];
        return option ? [[each.name, option] as const] : [];
      });
      const yes = (trait: 'changes' | 'ofGroup') =>
        namesBy(owners, (option) => (option[trait] ? 'yes' : 'no'));
      return [
        `\`${name}\``,
        owners.length === descriptions.length ? 'all' : owners.map(([owner]) => owner).join(', '),
        namesBy(owners, ({ meaning }) => meaning),
        namesBy(owners, ({ rule }) => rule),
        namesBy(owners, defaultOf),
        namesBy(owners, ({ symbol }) => symbol ?? '-'),
        yes('changes'),
        yes('ofGroup'),
      ];
    }),
  );
}

const tables = { optimisers: optimizerTable, options: optionTable };

/** The page as it is, and as it is with the tables made anew. */
export async function optimizerPage(): Promise<{ readonly is: string; readonly wanted: string }> {
  const is = await readFile(page, 'utf8');
  const made = Object.entries(tables).reduce(
    (text, [name, make]) =>
      text.replace(
        new RegExp(`(<!-- table of ${name} -->\n).*?(\n<!-- end -->)`, 's'),
        (_, before: string, after: string) => `${before}\n${make()}\n${after}`,
      ),
    is,
  );
  return {
    is,
    wanted: await format(made, { parser: 'markdown', printWidth: 100, proseWrap: 'preserve' }),
  };
}

// `node dist/test/support/optimizer-tables.js` writes the page.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(page, (await optimizerPage()).wanted);
}
