/** Folders of the tests of data sets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiled tests lie in dist/test/experiments/data.
const fixtures = fileURLToPath(
  new URL('../../../../test/experiments/data/fixtures/', import.meta.url),
);

/** A folder of test/experiments/data/fixtures. */
export function fixtureFolder(name = ''): string {
  return join(fixtures, name);
}

const newFolders: string[] = [];

/** A new folder with these files. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-data-'));
  newFolders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Removes all folders that `folderWith` made. */
export function removeFolders(): void {
  for (const folder of newFolders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
}
