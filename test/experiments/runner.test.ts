/** The experiment runner: killed (KILLS says how often), interrupted, on a full disk, with damaged files. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import test from 'ava';

import { readCheckpoint, writeCheckpoint } from '../../experiments/runner/checkpoint.js';
import { runId } from '../../experiments/runner/experiment.js';
import { describeDuration } from '../../experiments/runner/progress.js';
import {
  readLogs,
  readTrace,
  releaseSteps,
  startCommand,
  startExperiment,
  startFixture,
  waitForSteps,
} from './fixtures/run.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-runner-'));
/** The steps of each fixture's grid. */
const fixtures = { arrays: 240, model: 80, training: 60 } as const;
/** What an uninterrupted process writes. */
const reference = new Map<string, Record<string, string[]>>();

function path(...names: string[]): string {
  return join(folder, ...names);
}

/** The seeds of the runs that are finished. */
function finishedSeeds(output: string): string[] {
  return readdirSync(join(output, 'runs')).flatMap(
    (name) => /seed=(\d)\.jsonl$/.exec(name)?.slice(1) ?? [],
  );
}

test.before(async (t) => {
  for (const name of Object.keys(fixtures)) {
    const result = await startFixture(name, path(`reference-${name}`)).result;
    t.is(result.exitCode, 0, result.errors);
    reference.set(name, readLogs(path(`reference-${name}`)));
  }
});

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

test.serial('a run logs its configuration, versions, engine and every step', (t) => {
  const logs = reference.get('model')!;
  t.deepEqual(Object.keys(logs), [
    'alig,maxLearningRate=0.1,seed=1.jsonl',
    'alig,maxLearningRate=none,seed=1.jsonl',
  ]);
  const lines = logs['alig,maxLearningRate=0.1,seed=1.jsonl']!.map(
    (line) => JSON.parse(line) as Record<string, unknown>,
  );
  t.like(lines[0], {
    type: 'run',
    experiment: 'model',
    engine: 'tensorflow-cpu',
    command: 'test',
    configuration: { method: 'alig', hyperParameters: { maxLearningRate: 0.1 }, seed: 1 },
    environment: {
      TF_DETERMINISTIC_OPS: '1',
      TF_NUM_INTRAOP_THREADS: process.env['TF_NUM_INTRAOP_THREADS'] ?? '1',
    },
  });
  const { versions, commit } = lines[0] as { versions: Record<string, string>; commit: unknown };
  t.is(versions['node'], process.versions.node);
  t.regex(versions['tfjs-node']!, /^\d/);
  t.true(commit === null || typeof commit === 'string');
  t.deepEqual(
    lines.slice(1, -2).map(({ type, step }) => [type, step]),
    Array.from({ length: 40 }, (_, index) => ['step', index + 1]),
  );
  t.like(lines.at(-2), { type: 'end', steps: 40, reason: 'finished' });
  t.is(lines.at(-1)!['type'], 'hash');
});

/** KILLS says how often each grid is killed; more than so often and one would be finished before. */
const kills = Number(process.env['KILLS'] ?? 3);
const killsOfGrid = 3;

for (const [name, total] of Object.entries(fixtures)) {
  test.serial(
    `${name}: killed with all its workers at random steps, it resumes bit for bit`,
    async (t) => {
      for (let round = 0; round * killsOfGrid < kills; round++) {
        const killsNow = Math.min(killsOfGrid, kills - round * killsOfGrid);
        const output = path(`killed-${name}-${round}`);
        const trace = path(`killed-${name}-${round}.trace`);
        let stepsBefore = 0;
        for (let kill = 0; kill < killsNow; kill++) {
          const at = stepsBefore + 2 + Math.floor((Math.random() * total) / 5);
          // A few steps after it: the kill may come at any moment of them.
          const program = startFixture(name, output, { trace, jobs: 2, hold: at + 4 });
          t.log(`killed after ${at} steps`);
          await waitForSteps(trace, at);
          process.kill(-program.pid, 'SIGKILL');
          await program.result;
          stepsBefore = readTrace(trace).length;
        }
        const result = await startFixture(name, output, { trace, jobs: 2 }).result;
        t.is(result.exitCode, 0, result.errors);
        t.deepEqual(readLogs(output), reference.get(name));
        // Checkpoints were made use of: at most one step of each worker was made again after each kill.
        const steps = readTrace(trace).length;
        t.true(steps >= total && steps <= total + killsNow * 2 * 2, `${steps} steps`);
      }
    },
  );
}

test.serial(
  'workers end when the process that leads them is killed, and the rest goes on',
  async (t) => {
    const output = path('orphans');
    const trace = path('orphans.trace');
    const program = startFixture('arrays', output, { trace, jobs: 2, hold: 24 });
    await waitForSteps(trace, 20);
    process.kill(program.pid, 'SIGKILL');
    const result = await startFixture('arrays', output, { trace, jobs: 2 }).result;
    t.is(result.exitCode, 0, result.errors);
    t.deepEqual(readLogs(output), reference.get('arrays'));
    const steps = readTrace(trace).length;
    t.true(steps <= 240 + 8, `${steps} steps`);
  },
);

test.serial(
  'a worker that is killed fails its run, and another one makes the others',
  async (t) => {
    const output = path('worker');
    const trace = path('worker.trace');
    const program = startFixture('arrays', output, { trace, hold: 14 });
    await waitForSteps(trace, 10);
    process.kill(Number.parseInt(readTrace(trace)[0]!, 10), 'SIGKILL');
    releaseSteps(trace);
    const { exitCode, errors } = await program.result;
    t.is(exitCode, 1);
    t.regex(errors, /1 of 4 runs failed\.\nalig.*seed=1: Its process ended with SIGKILL/);
    t.deepEqual(finishedSeeds(output), ['2', '3', '4']);
    t.is((await startFixture('arrays', output).result).exitCode, 0);
    t.deepEqual(readLogs(output), reference.get('arrays'));
  },
);

test.serial('--jobs processes make the runs, and finished runs are not made again', async (t) => {
  const output = path('jobs');
  const trace = path('jobs.trace');
  const program = startFixture('arrays', output, { trace, jobs: 3, hold: 1 });
  // Each of them makes its first step before one makes its second.
  await waitForSteps(trace, 3);
  releaseSteps(trace);
  const { exitCode, output: text } = await program.result;
  t.is(exitCode, 0);
  t.is(new Set(readTrace(trace).map((line) => line.split(' ')[0])).size, 3);
  t.regex(text, /Grid {3}[2-7]0 % {2}[0-3]\/4 runs {2}\d.* left\n/);
  t.regex(text, /Grid {2}100 % {2}4\/4 runs/);
  t.deepEqual(readLogs(output), reference.get('arrays'));

  const log = path('jobs', 'runs', 'alig,maxLearningRate=0.1,seed=2.jsonl');
  const { mtimeMs } = statSync(log);
  rmSync(path('jobs', 'runs', 'alig,maxLearningRate=0.1,seed=3.jsonl'));
  t.is((await startFixture('arrays', output, { trace }).result).exitCode, 0);
  t.is(readTrace(trace).length, 240 + 60);
  t.is(statSync(log).mtimeMs, mtimeMs);
});

/** What a report says of the runs, which is the same wherever they were made. */
function summaryOf(output: string): unknown {
  const { runs, summary } = JSON.parse(
    readFileSync(join(output, 'results.json'), 'utf8'),
  ) as Record<string, unknown>;
  return { runs, summary };
}

test.serial('shards make the whole grid together, in one folder or in two', async (t) => {
  const outputs = [path('shard-1'), path('shard-2')] as const;
  for (const [index, output] of outputs.entries()) {
    const shard = `${index + 1}/2`;
    const { exitCode, output: text } = await startFixture('arrays', output, { shard }).result;
    t.is(exitCode, 0);
    t.regex(text, /2 of 4 runs are in .*runs\. When those of the other shards are there too/);
    t.false(existsSync(join(output, 'results.json')));
  }
  t.deepEqual(finishedSeeds(outputs[0]), ['1', '3']);
  t.deepEqual(finishedSeeds(outputs[1]), ['2', '4']);
  cpSync(join(outputs[1], 'runs'), join(outputs[0], 'runs'), { recursive: true });
  const trace = path('shards.trace');
  t.is((await startFixture('arrays', outputs[0], { trace }).result).exitCode, 0);
  t.deepEqual(readTrace(trace), []);
  t.deepEqual(readLogs(outputs[0]), reference.get('arrays'));
  t.deepEqual(summaryOf(outputs[0]), summaryOf(path('reference-arrays')));

  // The last shard into a folder that has all others' runs makes the report itself.
  t.is((await startFixture('arrays', outputs[1], { shard: '1/2' }).result).exitCode, 0);
  t.deepEqual(summaryOf(outputs[1]), summaryOf(path('reference-arrays')));
});

test.serial('Ctrl-C ends it with checkpoints, from which it goes on', async (t) => {
  const output = path('interrupted');
  const trace = path('interrupted.trace');
  const program = startFixture('arrays', output, { trace, jobs: 2, hold: 34 });
  await waitForSteps(trace, 30);
  // As a terminal does: to all processes.
  process.kill(-program.pid, 'SIGINT');
  releaseSteps(trace);
  const { exitCode, output: text } = await program.result;
  t.is(exitCode, 130);
  t.regex(text, /Interrupted; the same command goes on from here/);
  t.is((await startFixture('arrays', output, { trace }).result).exitCode, 0);
  t.is(readTrace(trace).length, 240);
  t.deepEqual(readLogs(output), reference.get('arrays'));
});

// failing-writes.test.ts has every write of a run.
test.serial('a full disk is named and costs no finished run', async (t) => {
  const output = path('full');
  mkdirSync(join(output, 'runs'), { recursive: true });
  const full = join(output, 'runs', 'alig,maxLearningRate=0.1,seed=2.checkpoint.new');
  symlinkSync('/dev/full', full);
  const { exitCode, errors } = await startFixture('arrays', output).result;
  t.is(exitCode, 1);
  t.regex(errors, /1 of 4 runs failed/);
  t.regex(errors, /seed=2: Cannot write .*seed=2\..* The disk is full: make room, then try again/);
  t.deepEqual(finishedSeeds(output), ['1'], 'the others are not begun');
  const first = join(output, 'runs', 'alig,maxLearningRate=0.1,seed=1.jsonl');
  const { mtimeMs } = statSync(first);
  rmSync(full, { force: true });
  t.is((await startFixture('arrays', output).result).exitCode, 0);
  t.is(statSync(first).mtimeMs, mtimeMs);
  t.deepEqual(readLogs(output), reference.get('arrays'));
});

/** A folder with one run that was killed; the others are not begun. */
async function killedFolder(name: string): Promise<{ output: string; stem: string }> {
  const output = path(name);
  const trace = path(`${name}.trace`);
  const program = startFixture('arrays', output, { trace, hold: 14 });
  await waitForSteps(trace, 10);
  process.kill(-program.pid, 'SIGKILL');
  await program.result;
  return { output, stem: join(output, 'runs', 'alig,maxLearningRate=0.1,seed=1') };
}

test.serial(
  'a truncated checkpoint is named; the other runs are made, and then this one',
  async (t) => {
    const { output, stem } = await killedFolder('truncated');
    truncateSync(`${stem}.checkpoint`, 100);
    const { exitCode, errors } = await startFixture('arrays', output).result;
    t.is(exitCode, 1);
    t.regex(errors, /1 of 4 runs failed\.\n.*The checkpoint .*seed=1\.checkpoint is damaged/);
    t.deepEqual(finishedSeeds(output), ['2', '3', '4']);
    rmSync(`${stem}.checkpoint`);
    t.is((await startFixture('arrays', output).result).exitCode, 0);
    t.deepEqual(readLogs(output), reference.get('arrays'));
  },
);

test.serial('a log that is not the one of the checkpoint is named', async (t) => {
  const { output, stem } = await killedFolder('lost-log');
  truncateSync(`${stem}.partial.jsonl`, 50);
  const { exitCode, errors } = await startFixture('arrays', output).result;
  t.is(exitCode, 1);
  t.regex(errors, /The log .*seed=1\.partial\.jsonl is damaged.* Delete both/);
});

/** Changes a killed run's log, and its checkpoint's hash with it, as if it had been written so. */
function rewriteLog(stem: string, change: (log: string) => string): void {
  const log = readFileSync(`${stem}.partial.jsonl`, 'utf8');
  const checkpoint = readCheckpoint(`${stem}.checkpoint`)!;
  const changed = change(log.slice(0, checkpoint.logLength));
  writeFileSync(`${stem}.partial.jsonl`, changed);
  writeCheckpoint(`${stem}.checkpoint`, {
    ...checkpoint,
    logLength: changed.length,
    logHash: createHash('sha256').update(changed).digest('hex'),
  });
}

test.serial('a checkpoint of other versions is refused', async (t) => {
  const { output, stem } = await killedFolder('versions');
  rewriteLog(stem, (log) => log.replace(/"node":"[^"]*"/, '"node":"18.0.0"'));
  const { exitCode, errors } = await startFixture('arrays', output).result;
  t.is(exitCode, 1);
  t.regex(errors, /was begun with .*"node":"18\.0\.0".* cannot go on bit for bit/);
});

test.serial('a checkpoint of another commit goes on, and the results name both', async (t) => {
  const { output, stem } = await killedFolder('commits');
  rewriteLog(stem, (log) => log.replace(/"commit":(null|"[^"]*")/, '"commit":"another"'));
  t.is((await startFixture('arrays', output).result).exitCode, 0);
  const { commits } = JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as {
    commits: readonly (string | null)[];
  };
  t.is(commits.length, 2);
  t.is(commits[0], 'another');
  const lines = readFileSync(`${stem}.jsonl`, 'utf8').split('\n');
  t.is(lines.filter((line) => line.includes('"type":"resume"')).length, 1);
});

test.serial('damaged logs of finished runs are named, all at once', async (t) => {
  const output = path('jobs');
  const log = (seed: number) => join(output, 'runs', `alig,maxLearningRate=0.1,seed=${seed}.jsonl`);
  rmSync(join(output, 'results.json'));
  truncateSync(log(2), statSync(log(2)).size - 30);
  writeFileSync(log(4), readFileSync(log(4), 'utf8').replace('"loss":', '"loss":1'));
  const { exitCode, errors } = await startFixture('arrays', output).result;
  t.is(exitCode, 1);
  t.regex(errors, /^2 of 4 logs cannot be used; no results\./);
  t.regex(errors, /seed=2\.jsonl is damaged.* Delete it to make this run again/);
  t.regex(errors, /seed=4\.jsonl is damaged: its SHA-256 is \w{64}, and its last line says \w{64}/);
  t.false(existsSync(join(output, 'results.json')));
});

/** Takes the hash from a log, as logs were before they had one. */
function withoutHashLine(log: string): string {
  return log.replace(/\{"type":"hash".*\n$/, '');
}

test.serial('seal adds the hashes that logs lack, of whole logs only', async (t) => {
  const output = path('sealed');
  cpSync(path('reference-arrays'), output, { recursive: true });
  const logs = [1, 2, 3].map((seed) =>
    join(output, 'runs', `alig,maxLearningRate=0.1,seed=${seed}.jsonl`),
  );
  const whole = logs.map((log) => readFileSync(log, 'utf8'));
  const bare = whole.map(withoutHashLine);
  const seal = () => startCommand(['seal', output]).result;
  for (const [index, log] of logs.entries()) writeFileSync(log, bare[index] ?? '');
  t.regex((await startFixture('arrays', output).result).errors, /^3 of 4 .*\n.*tfjs-alig seal/);

  const lines = bare[0]!.split('\n');
  const damages = [
    [bare[0]!.slice(0, -20), /seed=1\.jsonl is damaged: a line is no JSON/],
    [lines.slice(0, -2).join('\n'), /its text is not what was written/],
    [lines.toSpliced(5, 0, lines[5]!).join('\n'), /line 7 is of step 5, after step 5/],
    [lines.slice(1).join('\n'), /its first line is missing/],
    [`${lines.slice(0, -2).join('\n')}\n`, /its last line is missing/],
  ] as const;
  for (const [damaged, message] of damages) {
    writeFileSync(logs[0]!, damaged);
    const { exitCode, errors } = await seal();
    t.is(exitCode, 1);
    t.regex(errors, /1 of 4 logs are damaged; none was changed/);
    t.regex(errors, message);
    t.is(readFileSync(logs[1]!, 'utf8'), bare[1]!);
  }
  writeFileSync(logs[0]!, bare[0]!);
  t.regex((await seal()).output, /: 3 logs sealed now, 1 had been/);
  t.deepEqual(
    logs.map((log) => readFileSync(log, 'utf8')),
    whole,
  );
  t.is((await startFixture('arrays', output).result).exitCode, 0);
});

test('every bit of a state comes back from a checkpoint', (t) => {
  const file = path('bits.checkpoint');
  const state = {
    floats: Float32Array.of(NaN, -0, Infinity, 1e-45),
    doubles: [Float64Array.of(0.1, -0, Number.MIN_VALUE)],
    nested: { text: 'a', none: null, number: -0 },
  };
  writeCheckpoint(file, { step: 3, seconds: 0.5, logLength: 1, logHash: '', state });
  t.deepEqual(readCheckpoint(file)?.state, state);
  t.is(readCheckpoint(path('missing.checkpoint')), null);
  for (const position of [0, 30, 200]) {
    const bytes = readFileSync(file);
    bytes[position]! ^= 1;
    writeFileSync(path('flipped.checkpoint'), bytes);
    t.throws(() => readCheckpoint(path('flipped.checkpoint')), { message: /is damaged/ });
  }
});

test("a run's name may be a file's", (t) => {
  const hyperParameters = { maxLearningRate: null, rate: 1e-7, kind: 'a/b: c' };
  t.is(
    runId({ method: 'alig', hyperParameters, seed: 1, steps: 1 }),
    'alig,maxLearningRate=none,rate=1e-7,kind=a-b--c,seed=1',
  );
});

test('the time left is shown in two units', (t) => {
  t.deepEqual(
    [0.2, 59, 61.5, 3600, 90_000].map((seconds) => describeDuration(seconds)),
    ['1 s', '59 s', '1 min 2 s', '1 h 0 min', '25 h 0 min'],
  );
});

test('--report makes the report of the runs that are finished, and no run', async (t) => {
  const run = async (...parameters: string[]) =>
    startExperiment(['theory', '--quick', '--output', 'reported', ...parameters], { cwd: folder })
      .result;
  const none = await run('--report');
  t.is(none.exitCode, 1);
  t.regex(none.errors, /^error: 0 of \d+ runs are finished in .*without --report/m);

  t.is((await run('--shard', '1/2')).exitCode, 0);
  const names = readdirSync(path('reported', 'runs'));
  const { exitCode, output } = await run('--report');
  t.is(exitCode, 0);
  const [, finished, all] = /(\d+) of (\d+) runs are finished/.exec(output)!;
  t.is(Number(finished), names.length);
  t.true(Number(finished) < Number(all));
  t.deepEqual(readdirSync(path('reported', 'runs')), names);
  const results = readFileSync(path('reported', 'results.json'), 'utf8');
  t.is((JSON.parse(results) as { runs: unknown[] }).runs.length, names.length);
});

for (const [parameters, message] of [
  [
    ['figure-9'],
    /'figure-9' is invalid.*Allowed choices are figure-1, figure-2, figure-3, .*theory/,
  ],
  [['theory', '--jobs', '0'], /'0' is invalid.*whole number at least 1/],
  [['theory', '--shard', '3/2'], /'3\/2' is invalid.*K\/N, the K-th of N shards, as 1\/4/],
  [['theory', '--preset', 'paper'], /'paper' is invalid\. theory has no presets/],
  [['theory', '--data', '.'], /'--data <folder>' is not for theory, which reads no data set/],
  [[], /missing required argument 'name'/],
] as const) {
  test(`experiment ${parameters.join(' ')} is refused`, async (t) => {
    const { exitCode, errors } = await startExperiment(parameters, { cwd: folder }).result;
    t.is(exitCode, 1);
    t.regex(errors, message);
  });
}
