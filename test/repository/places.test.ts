/** Where an optimiser is named: what docs/adding-a-rule.md says a new one takes, and nowhere else. */
import test from 'ava';
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optimizers } from '../../lib/index.js';
import { rules } from '../../lib/rules/all.js';
import { stepCases } from '../step-cases/table.js';

// Compiled tests lie in dist/test.
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The files under some folders whose text matches. */
async function filesThatName(pattern: RegExp, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !/\.(?:ts|js|h|cc|cu|gyp|txt)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      if (!pattern.test(await readFile(path, 'utf8'))) continue;
      found.push(path.slice(root.length).replaceAll(sep, '/'));
    }
  }
  return found.sort();
}

test('APROX is three files and a row in each list', async (t) => {
  const places = await filesThatName(/aprox(?!i)/i, [
    'lib',
    'cli',
    'native',
    'experiments',
    'benchmarks',
    'install',
  ]);
  t.deepEqual(places, [
    'lib/index.ts',
    'lib/optimizers/aprox.ts',
    'lib/optimizers/create-optimizer.ts',
    'lib/rules/all.ts',
    'lib/rules/aprox.ts',
    'native/rules/all.h',
    'native/rules/aprox.h',
  ]);
  const text = await readFile(join(root, 'docs/adding-a-rule.md'), 'utf8');
  for (const place of places) t.true(text.includes(place), `${place} is in docs/adding-a-rule.md`);
});

test('every rule belongs to an optimiser, and has a case that all engines are compared on', (t) => {
  const described = Object.values(optimizers).flatMap(({ description }) => description.rules);
  t.deepEqual([...new Set(described)].sort(byPlace), rules);
  const compared = new Set(stepCases.map(({ step }) => step.rule));
  t.deepEqual([...compared].sort(byPlace), rules);
});

function byPlace(one: (typeof rules)[number], other: (typeof rules)[number]): number {
  return rules.indexOf(one) - rules.indexOf(other);
}
