/** Runs the examples in the documentation as they stand there. */
import test from 'ava';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { optimizerPage } from '../support/optimizer-tables.js';

const run = promisify(execFile);
// Compiled tests lie in dist/test.
const root = fileURLToPath(new URL('../../../', import.meta.url));
// Within the package, so that an example imports it by its name.
const folder = fileURLToPath(new URL('docs-examples/', import.meta.url));

for (const [page, blocks] of [
  ['groups-and-constraints', 4],
  ['losses', 3],
  ['saving-and-resuming', 2],
  ['training-helpers', 9],
] as const) {
  test.serial(`the examples of docs/${page}.md run and print what they promise to`, async (t) => {
    const text = await readFile(join(root, 'docs', `${page}.md`), 'utf8');
    const examples = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, source]) => source!);
    t.is(examples.length, blocks);
    await mkdir(folder, { recursive: true });
    const cwd = await mkdtemp(join(tmpdir(), 'docs-examples-'));
    for (const [i, source] of examples.entries()) {
      const file = join(folder, `${page}-${i}.mjs`);
      await writeFile(file, source);
      const { stdout } = await run(process.execPath, [file], { cwd });
      t.regex(stdout.trim().split('\n').at(-1)!, /\d/, source);
      t.notRegex(stdout, /NaN|undefined/, source);
    }
    await rm(cwd, { recursive: true });
  });
}

test('the tables of docs/optimisers.md are those of the descriptions', async (t) => {
  const { is, wanted } = await optimizerPage();
  t.is(is, wanted, 'write them: node dist/test/support/optimizer-tables.js');
});
