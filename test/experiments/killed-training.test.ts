/** `tfjs-alig train` killed at random moments, also in the middle of a checkpoint; KILLS says how often. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';

import test from 'ava';

import { until } from '../platform/run.js';
import { readLines, withoutTimes } from './program.js';

const kills = Number(process.env['KILLS'] ?? 3);
const script = fileURLToPath(new URL('fixtures/train.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-killed-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(name: string, output: string) {
  const child = spawn(process.execPath, [script, name, output], { stdio: 'ignore' });
  return { child, ended: once(child, 'exit') };
}

function numbers(output: string): string[] {
  return readLines(join(output, 'log.jsonl')).map((line) => withoutTimes(line as object));
}

for (const name of ['mnist', 'dnc']) {
  test.serial(`train ${name}: killed, it goes on bit for bit`, async (t) => {
    const whole = join(folder, `${name}-whole`);
    t.deepEqual(await start(name, whole).ended, [0, null]);
    const expected = numbers(whole);
    let [done, rounds] = [0, 0];
    while (done < kills) {
      const output = join(folder, `${name}-${rounds++}`);
      const finished = join(output, 'log.jsonl');
      while (!existsSync(finished)) {
        const { child, ended } = start(name, output);
        if (done < kills) {
          // Its checkpoint of the time before is replaced again and again from here on.
          const isUnderWay = () => existsSync(join(output, 'log.partial.jsonl'));
          await until(() => isUnderWay() || existsSync(finished) || child.exitCode !== null);
          await setTimeout(Math.random() * 1500);
          child.kill('SIGKILL');
          done += 1;
        }
        const [exitCode, signal] = (await ended) as [number | null, string | null];
        t.true(exitCode === 0 || signal === 'SIGKILL', `exit code ${String(exitCode)}`);
      }
      t.deepEqual(numbers(output), expected);
      t.deepEqual(
        readdirSync(output).filter((file) => !file.startsWith('.lock')),
        readdirSync(whole),
      );
    }
  });
}
