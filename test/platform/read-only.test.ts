/** Commands whose results cannot be written say so before they begin, and what to do. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { testsThatNeed } from '../support/needs.js';
import { packageRoot, temporaryFolder } from './folders.js';

/** Runs a script of bash in mount points of its own, which end with it. */
function inNamespace(script: string, values: readonly string[]): { ok: boolean; output: string } {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const { status, stdout, stderr, error } = spawnSync(
    'unshare',
    ['--mount', ...asRoot, 'bash', '-c', `set -e\n${script}`, 'bash', ...values],
    { cwd: packageRoot, encoding: 'utf8' },
  );
  return { ok: status === 0, output: error ? error.message : stdout + stderr };
}

const mountReadOnly = 'mount -t tmpfs tmpfs "$1"\nmount -o remount,ro "$1"';

const tried = inNamespace('mount -t tmpfs tmpfs /mnt', []);
const needing = testsThatNeed(
  'mount points of its own',
  tried.ok ? undefined : `unshare --mount says: ${tried.output.trim()}`,
);

const main = join('dist', 'cli', 'main.js');
for (const [title, ...command] of [
  ['an experiment', main, 'experiment', 'figure-2', '--quick', '--output'],
  ['a measurement', join('dist', 'benchmarks', 'main.js'), 'host', '--quick', '--json'],
] as const) {
  needing(`${title} in a read-only folder`, (t) => {
    const folder = temporaryFolder(t);
    const { ok, output } = inNamespace(`${mountReadOnly}\nexec "\${@:2}" "$1/a/b"`, [
      folder,
      process.execPath,
      ...command,
    ]);
    t.false(ok);
    t.regex(
      output,
      /^error: Cannot write .*\. The file system is read-only: .*, then try again\./m,
    );
    t.notRegex(output, /\n\s+at /, 'no stack');
  });
}

needing('building in a package that is read-only', (t) => {
  const { ok, output } = inNamespace(
    'mount --bind "$1" "$1"\nmount -o remount,bind,ro "$1"\nexec "$2" "$3" build',
    [packageRoot, process.execPath, join(packageRoot, main)],
  );
  t.false(ok);
  t.regex(
    output,
    /was not built: .* cannot be written \(EROFS\): have it made writable, or install/,
  );
});
