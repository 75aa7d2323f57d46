/** What TensorFlow prints while it is loaded does not reach the user of a command. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { withoutStartUpLines } from '../../lib/platform/tensorflow-messages.js';
import { packageRoot, temporaryFolder } from './folders.js';

const started =
  'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n' +
  'I0000 00:00:1795881264.963969   14312 port.cc:153] oneDNN custom operations are on.\n';
const warned = 'W0000 00:00:1795881264.963969   14312 numa.cc:1] Not found.\n';
const other = '(node:7) Warning: of something else\n';

/** Runs Node in the package's folder and returns its exit code and its standard error. */
async function run(
  nodeArguments: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ exitCode: number | null; errorOutput: string }> {
  const child = spawn(process.execPath, nodeArguments, {
    cwd: packageRoot,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [errorOutput] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, errorOutput };
}

test('lines below the level are taken out, and no others', (t) => {
  const output = other + started + warned + other;
  t.is(withoutStartUpLines(output, 0), output);
  t.is(withoutStartUpLines(output, 1), other + warned + other);
  t.is(withoutStartUpLines(output, 2), other + other);
});

const load = `
  import { writeSync } from 'node:fs';
  import { loadQuietly } from './dist/lib/platform/tensorflow-messages.js';
  await loadQuietly(async () => {
    writeSync(2, ${JSON.stringify(started + other)});
    if (process.env.FAILS) throw new Error('it failed');
  }).catch((error) => console.error(error.message));
  console.error('after');
`;

for (const [title, environment, expected] of [
  ['without a level all is printed', {}, `${started}${other}after\n`],
  ['with one the rest is', { TF_CPP_MIN_LOG_LEVEL: '2' }, `${other}after\n`],
  [
    'also where loading fails',
    { TF_CPP_MIN_LOG_LEVEL: '2', FAILS: '1' },
    `${other}it failed\nafter\n`,
  ],
] as const) {
  test(`what is printed while TensorFlow is loaded: ${title}`, async (t) => {
    const level = { TF_CPP_MIN_LOG_LEVEL: undefined };
    const { errorOutput } = await run(['--input-type=module', '--eval', load], {
      ...level,
      ...environment,
    });
    t.is(errorOutput, expected);
  });
}

for (const [command, ...options] of [
  ['train', 'mnist', '--examples', '128', '--epochs', '1'],
  ['train', 'dnc', '--steps', '1'],
  ['experiment', 'table-1', '--plan'],
  ['experiment', 'figure-3', '--quick', '--jobs', '1'],
  ['doctor'],
  ['tensorflow'],
] as const) {
  test(`nothing greets the user of: ${[command, ...options].join(' ')}`, async (t) => {
    const main = join(packageRoot, 'dist', 'cli', 'main.js');
    const writes = command === 'train' || command === 'experiment';
    const output = writes ? ['--output', join(temporaryFolder(t), 'run')] : [];
    const { exitCode, errorOutput } = await run([main, command, ...options, ...output], {
      TF_CPP_MIN_LOG_LEVEL: undefined,
      // On every processor, and not only on those where it is the default.
      TF_ENABLE_ONEDNN_OPTS: '1',
    });
    t.is(exitCode, 0, errorOutput);
    t.is(errorOutput, '');
  });
}
