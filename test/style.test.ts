/** The linters over the repository's own files. */
import test from 'ava';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
// Compiled tests lie in dist/test.
const root = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);

/** Runs the command of an installed package; its output is the failure's message. */
async function lint(packageName: string, ...parameters: string[]): Promise<void> {
  const manifestPath = require.resolve(`${packageName}/package.json`);
  const { bin } = require(manifestPath) as { bin: string | Record<string, string> };
  const script = typeof bin === 'string' ? bin : bin[packageName]!;
  try {
    await run(process.execPath, [join(dirname(manifestPath), script), ...parameters], {
      cwd: root,
      maxBuffer: 2 ** 26,
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${packageName} found:\n${stdout}${stderr}`, { cause: error });
  }
}

test('ESLint finds nothing', async (t) => {
  await t.notThrowsAsync(lint('eslint', '--max-warnings', '0', '.'));
});

test('every file is formatted as Prettier would', async (t) => {
  await t.notThrowsAsync(lint('prettier', '--check', '.'));
});

test('every C++ file is formatted as clang-format would', async (t) => {
  const paths: string[] = [];
  for (const folder of ['native', join('benchmarks', 'bandwidth')]) {
    const entries = await readdir(join(root, folder), { recursive: true });
    const files = entries.filter((name) => /\.(?:h|cc|cu)$/.test(name));
    t.true(files.length > 0, folder);
    paths.push(...files.map((name) => join(folder, name)));
  }
  await t.notThrowsAsync(lint('clang-format', '--dry-run', '-Werror', ...paths));
});
