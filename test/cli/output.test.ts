/** What the commands print, and to whom. */
import test from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { runNode } from '../platform/run.js';

const program = join(packageRoot, 'dist', 'cli', 'main.js');

test('a reader that goes, as in "| head -2", ends the program without a stack', async (t) => {
  const command = ['train', 'mnist', '--epochs', '1', '--examples', '256'];
  const child = spawn(
    process.execPath,
    [program, ...command, '--output', join(temporaryFolder(t), 'run')],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  child.stdout.once('data', () => {
    child.stdout.destroy();
  });
  const [exitCode] = (await once(child, 'close')) as [number];
  t.is(exitCode, 141, errors);
  t.notRegex(errors, /EPIPE|\n +at /);
});

test('all errors begin in the same way', async (t) => {
  const cwd = packageRoot;
  for (const command of [
    ['experiment', 'figure-1', '--report', '--output', 'nowhere'],
    ['experiment', 'figure-1', '--jobs', 'many'],
    ['unknown'],
  ]) {
    const { exitCode, output } = await runNode([program, ...command], { cwd });
    t.is(exitCode, 1);
    t.regex(output, /^error: /m, command.join(' '));
  }
});
