/** The linters over the repository's own files. */
import test from 'ava';
import { exec } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// Compiled tests lie in dist/test.
const root = fileURLToPath(new URL('../../../', import.meta.url));

test('ESLint, Prettier and clang-format find nothing: npm run lint', async (t) => {
  try {
    const { stdout } = await promisify(exec)('npm run lint', { cwd: root, maxBuffer: 2 ** 26 });
    // A pattern that matches no file would be green, too.
    t.regex(stdout, /ran clang-format on \d{2,} files/);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    t.fail(`${stdout}${stderr}`);
  }
});
