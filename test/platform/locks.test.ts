/** Locks: one holder, given up when the holder is gone, without regard to clocks or namespaces. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import test from 'ava';
import { exclusively, exclusivelyIfFree } from '../../lib/platform/exclusive.js';
import { acquire, LockLostError } from '../../lib/platform/lock-file.js';
import { beatWidth } from '../../lib/platform/lock-heartbeat.js';
import { ownIdentity } from '../../lib/platform/process-identity.js';
import { testsThatNeed } from '../support/needs.js';
import { packageRoot, temporaryFolder } from './folders.js';
import { until } from './run.js';

/** A minute without a count is here a third of a second. */
const times = { look: 10, stale: 300 };

const linux = testsThatNeed(
  'Linux',
  process.platform === 'linux' ? undefined : 'it tells which processes live',
);

/** Holds a lock in another process, and says so on its standard output. */
function startHolder(path: string) {
  const script = `
    import { exclusively } from './dist/lib/platform/exclusive.js';
    await exclusively(process.argv[1], async () => {
      console.log('held');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    }, {});`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, path], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, held: once(child.stdout, 'data') };
}

/** The lock of a process of another machine, which can count in it. */
function foreignLock(path: string): { count: () => void; text: () => string } {
  const holder = { ...ownIdentity(), host: 'elsewhere', boot: 'another', token: 'foreign' };
  let beats = 0;
  const text = () => `${JSON.stringify(holder)}\n${String(beats).padStart(beatWidth, '0')}\n`;
  writeFileSync(path, text());
  return {
    count: () => {
      beats += 1;
      writeFileSync(path, text());
    },
    text,
  };
}

test('one after another, and nothing is left', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'lock');
  let [holders, most, waits] = [0, 0, 0];
  const work = async () => {
    holders += 1;
    most = Math.max(most, holders);
    await setTimeout(5);
    holders -= 1;
  };
  const options = { onWait: () => void (waits += 1), times };
  await Promise.all(Array.from({ length: 8 }, () => exclusively(lock, work, options)));
  t.is(most, 1);
  t.is(waits, 7);
  t.deepEqual(readdirSync(folder), []);
});

test('work that fails gives its lock up', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  await t.throwsAsync(
    exclusively(lock, () => Promise.reject(new Error('it failed')), {}),
    {
      message: 'it failed',
    },
  );
  t.true(await exclusivelyIfFree(lock, () => Promise.resolve()));
  t.false(existsSync(lock));
});

test('who waits can be aborted, and is told who holds', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const held = await acquire(lock, {});
  const abortion = new AbortController();
  const holders: string[] = [];
  const waiting = exclusively(lock, () => Promise.resolve(), {
    onWait: (holder) => {
      holders.push(holder);
      abortion.abort();
    },
    signal: abortion.signal,
  });
  await t.throwsAsync(waiting, { name: 'AbortError' });
  t.deepEqual(holders, [`process ${process.pid} on ${ownIdentity().host}`]);
  await held.release();
});

linux('the lock of a killed process is given up at once', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const { child, held } = startHolder(lock);
  await held;
  t.false(await exclusivelyIfFree(lock, () => Promise.resolve()));
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true(existsSync(lock));
  await exclusively(lock, () => Promise.resolve(), {});
  t.false(existsSync(lock));
});

linux('a stopped process keeps its lock, whatever the time', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const { child, held } = startHolder(lock);
  await held;
  child.kill('SIGSTOP');
  utimesSync(lock, 0, 0);
  const waiting = acquire(lock, { times, signal: AbortSignal.timeout(5 * times.stale) });
  await t.throwsAsync(waiting);
  child.kill('SIGKILL');
});

linux('a process number that was given out again is not its holder', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const holder = { ...ownIdentity(), begin: '1', token: 'old' };
  writeFileSync(lock, `${JSON.stringify(holder)}\n`);
  t.true(await exclusivelyIfFree(lock, () => Promise.resolve()));
});

test('a holder elsewhere keeps its lock while it counts, and then not', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'lock');
  const { count } = foreignLock(lock);
  // Clocks differ by a day.
  const yesterday = Date.now() / 1000 - 86_400;
  const counting = setInterval(() => {
    count();
    utimesSync(lock, yesterday, yesterday);
  }, 20);
  const signal = AbortSignal.timeout(5 * times.stale);
  await t.throwsAsync(acquire(lock, { times, signal }));
  clearInterval(counting);
  const taken = await acquire(lock, { times });
  t.true(taken.isHeld());
  await taken.release();
  t.deepEqual(readdirSync(folder), []);
});

test('of many that wait for a dead holder one at a time gets the lock', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'lock');
  foreignLock(lock);
  let [holders, most, made] = [0, 0, 0];
  const work = async () => {
    holders += 1;
    most = Math.max(most, holders);
    made += 1;
    await setTimeout(5);
    holders -= 1;
  };
  await Promise.all(Array.from({ length: 12 }, () => exclusively(lock, work, { times })));
  t.is(most, 1);
  t.is(made, 12);
  t.deepEqual(readdirSync(folder), []);
});

test('a process that was killed while it replaced a lock is no obstacle', async (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, 'lock');
  const held = await acquire(lock, {});
  const claims = new Set<string>();
  const release = held.release();
  for (const name of readdirSync(folder)) if (name !== 'lock') claims.add(name);
  await release;
  const [claim] = claims;
  t.is(claims.size, 1);
  // Both are left: the lock, and the claim of the one that replaced it.
  foreignLock(join(folder, claim!));
  foreignLock(lock);
  const taken = await acquire(lock, { times });
  t.true(taken.isHeld());
  await taken.release();
});

test('a lock file that says nothing is given up', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  for (const content of ['', 'no JSON', '\0\0\0']) {
    writeFileSync(lock, content);
    const taken = await acquire(lock, { times });
    t.true(taken.isHeld());
    await taken.release();
  }
});

test('a holder that has lost its lock is told so, and leaves the file of the new one', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const held = await acquire(lock, {});
  held.assertHeld();
  const { text } = foreignLock(lock);
  const error = t.throws(
    () => {
      held.assertHeld();
    },
    { instanceOf: LockLostError },
  );
  t.regex(error.message, /stood still for more than 60 s .* give the same command again/);
  await held.release();
  t.is(readFileSync(lock, 'utf8'), text());
});

test('a holder counts although its main thread is blocked', async (t) => {
  const lock = join(temporaryFolder(t), 'lock');
  const script = `
    import { acquire } from './dist/lib/platform/lock-file.js';
    await acquire(process.argv[1], {});
    console.log('held');
    for (;;);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, lock], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const before = readFileSync(lock, 'utf8');
  await until(() => readFileSync(lock, 'utf8') !== before);
  t.regex(readFileSync(lock, 'utf8'), /\n0+1\n$/);
});

test('a folder that cannot be written is named', async (t) => {
  const folder = join(temporaryFolder(t), 'a file');
  writeFileSync(folder, '');
  const attempt = exclusively(join(folder, 'lock'), () => Promise.resolve(), {});
  await t.throwsAsync(attempt, { name: 'FileError', message: /^Cannot write .*a file.lock/ });
});
