/** What goes wrong on one rank: it ends or is an error on all of them, which names the rank, in bounded time. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../platform/folders.js';
import { until } from '../platform/run.js';
import { missingMpi, runRanks, startRanks, type EndedRanks } from '../support/mpirun.js';
import { testsThatNeed } from '../support/needs.js';

const withMpi = testsThatNeed('MPI', missingMpi());

/** Far below the time after which ranks stop to wait (120 s in these tests), for a busy machine. */
const bound = 60;

interface Told {
  readonly step?: number;
  readonly taken?: boolean;
  readonly error?: string;
  readonly changed?: boolean;
  readonly bits?: string;
  readonly iterations?: number;
  readonly skipped?: number;
}

function toldBy({ told }: EndedRanks): readonly (readonly Told[])[] {
  return told as readonly (readonly Told[])[];
}

for (const size of [2, 4]) {
  const last = size - 1;
  for (const [fault, sign] of [
    ['nan gradient', `a gradient is not finite on rank ${last} \\(variable '[^']+'\\)`],
    ['nan loss', `the loss is not finite on rank ${last} \\(NaN\\)`],
    ['exception in the loss', 'no data'],
    ['changed option', `options.maxLearningRate is 0.3 on rank ${last} and 0.1 on rank 0`],
  ] as const) {
    for (const state of size === 2 ? ['whole', 'shards'] : ['whole'])
      withMpi(`${fault} on one of ${size} ranks refuses the step on all: ${state}`, async (t) => {
        const ended = await runRanks(size, 'faults', [fault, 'go-on', state]);
        t.is(ended.exitCode, 0, ended.output);
        const lasting = fault === 'changed option';
        for (const [rank, rows] of toldBy(ended).entries()) {
          t.is(rows.length, 7);
          for (const { step, taken, error, changed } of rows.slice(0, 6)) {
            if (step === 3 || (lasting && step! > 3)) {
              t.regex(error!, new RegExp(sign));
              if (fault === 'exception in the loss' && rank !== last) {
                t.regex(error!, new RegExp(`rank ${last} has failed in its step`));
              }
              t.false(changed);
            } else {
              t.true(taken, error);
            }
          }
          t.deepEqual(rows[6], toldBy(ended)[0]![6]);
          t.is(rows[6]!.iterations, lasting ? 3 : 5);
        }
      });
  }
}

for (const fault of ['whole state', 'saving']) {
  withMpi(`${fault} on one of 2 ranks that share the state is refused on all`, async (t) => {
    const ended = await runRanks(2, 'faults', [fault, 'go-on', 'shards']);
    t.is(ended.exitCode, 0, ended.output);
    for (const [rank, rows] of toldBy(ended).entries()) {
      const [does, other] = ['gathers the shards of its state', 'makes a step'];
      const sign =
        rank === 0
          ? `rank 1 ${does} while rank 0 ${other}`
          : `rank 0 ${other} while rank 1 ${does}`;
      t.regex(rows[3]!.error!, new RegExp(`${sign}; .* getWeights and model.save called on all`));
      t.deepEqual(
        rows.slice(0, 6).map(({ taken, changed }) => taken ?? changed),
        [true, true, true, false, true, true],
      );
      t.deepEqual(rows[6], toldBy(ended)[0]![6]);
      t.is(rows[6]!.iterations, 5);
    }
  });
}

withMpi('a step that is skipped is skipped on all ranks', async (t) => {
  const ended = await runRanks(2, 'faults', ['nan-skipped']);
  t.is(ended.exitCode, 0, ended.output);
  for (const rows of toldBy(ended)) {
    t.deepEqual(
      rows.slice(0, 6).map(({ taken }) => taken),
      [true, true, true, false, true, true],
    );
    t.like(rows[6], { iterations: 5, skipped: 1, bits: toldBy(ended)[0]![6]!.bits });
  }
  t.regex(ended.output, /a step is skipped .* on rank 1 \(variable/);
});

for (const [fault, sign] of [
  ['other options', /options\.maxLearningRate is 0\.2\d* on rank 1 and 0\.1\d* on rank 0/],
  ['other shapes', /shapes.* is .* on rank 1 and .* on rank 0/],
] as const) {
  withMpi(`${fault} on one rank are refused before the first step`, async (t) => {
    const ended = await runRanks(2, 'faults', [fault]);
    t.not(ended.exitCode, 0);
    t.true(ended.seconds < bound);
    for (const rows of toldBy(ended)) {
      t.is(rows.length, 1);
      t.regex(rows[0]!.error!, sign);
      t.false(rows[0]!.changed);
    }
  });
}

withMpi('another version of the package on one rank is refused at the start', async (t) => {
  const { told, output } = await runRanks(3, 'other-version');
  for (const [message] of told) {
    t.regex(message as string, /rank 2 runs tfjs-alig 0\.0\.1 and rank 0 0\.0\.2; install/, output);
  }
});

for (const [fault, sign] of [
  ['exception in the loss', /rank 1 has failed in its step, so that no rank takes it: no data/],
  ['exception between steps', /rank 1 has ended while rank 0 makes a step: Error: no data/],
  ['fewer steps', /rank 1 has ended while rank 0 makes a step: its process has come to its end/],
  ['straggler', /rank 1 has not come within 1 s/],
] as const) {
  withMpi(`all end and the other rank names it: ${fault}`, async (t) => {
    const ended = await runRanks(2, 'faults', [fault]);
    t.not(ended.exitCode, 0, ended.output);
    t.true(ended.seconds < bound, `${ended.seconds} s`);
    const rows = toldBy(ended)[0]!;
    t.is(rows.length, 4, ended.output);
    t.regex(rows[3]!.error!, sign);
    t.false(rows[3]!.changed);
  });
}

for (const [reduction, sign] of [
  ['reproducible', /rank 0 of 2: rank 1 has not come within 1 s\. A rank that takes longer needs/],
  ['fast', /rank 0 of 2: not all ranks have come within 1 s\. A rank that takes longer needs/],
] as const) {
  for (const kind of ['arrays', 'variables', 'shards']) {
    withMpi(`gradients that do not come, ${reduction}, ${kind}`, async (t) => {
      const ended = await runRanks(2, 'late-average', [reduction, kind]);
      t.not(ended.exitCode, 0, ended.output);
      t.true(ended.seconds < bound, `${ended.seconds} s`);
      t.regex(toldBy(ended)[0]![0]!.error!, sign);
      t.false(toldBy(ended)[0]![0]!.changed);
    });
  }
}

withMpi('a rank that leaves out a step is missed at the end', async (t) => {
  const ended = await runRanks(2, 'faults', ['forgotten step']);
  t.not(ended.exitCode, 0, ended.output);
  t.true(ended.seconds < bound);
  const rows = toldBy(ended)[0]!;
  t.is(rows.length, 6);
  t.regex(rows[5]!.error!, /rank 1 has ended while rank 0 makes a step/);
});

withMpi('where one rank is killed, mpirun names it and ends the others', async (t) => {
  const ended = await runRanks(3, 'faults', ['killed']);
  t.not(ended.exitCode, 0);
  t.true(ended.seconds < bound, `${ended.seconds} s`);
  t.regex(ended.output, /process rank 2 .*exited on signal 9/s);
  for (const rows of toldBy(ended)) t.true(rows.every(({ step }) => (step ?? 6) <= 3));
});

withMpi('a rank that is late is waited for', async (t) => {
  const ended = await runRanks(2, 'faults', ['late']);
  t.is(ended.exitCode, 0, ended.output);
  for (const rows of toldBy(ended)) t.is(rows[6]!.iterations, 6);
});

withMpi('a barrier that nobody awaits is named by the next step', async (t) => {
  const ended = await runRanks(2, 'faults', ['barrier']);
  t.not(ended.exitCode, 0);
  const [other, own] = toldBy(ended);
  t.regex(own!.at(-1)!.error!, /barrier\(\) has not finished; await it before the next step/);
  t.regex(other!.at(-1)!.error!, /rank 1 calls barrier\(\) while rank 0 makes a step/);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  withMpi(`${signal} ends mpirun and all ranks`, async (t) => {
    const running = startRanks(2, 'faults', ['interrupted']);
    await until(() => running.output().split('"taken":true').length > 4);
    running.mpirun.kill(signal);
    const start = performance.now();
    const { exitCode } = await running.ended;
    t.true((performance.now() - start) / 1000 < bound);
    t.not(exitCode, 0);
  });
}

for (const state of ['whole', 'shards'] as const) {
  withMpi(`a checkpoint goes on with the same bits, also in one process: ${state}`, async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'checkpoint.json');
    const [once, again] = [join(folder, 'once.json'), join(folder, 'again.json')];
    const environment = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
    const run = async (size: number, path: string, miniBatches: number) => {
      const { told, exitCode, output } = await runRanks(
        size,
        'resume',
        [path, String(miniBatches), state],
        environment,
      );
      t.is(exitCode, 0, output);
      for (const rows of told) t.deepEqual(rows, told[0]);
      return told[0]![0];
    };
    await run(2, file, 1);
    copyFileSync(file, once);
    copyFileSync(file, again);
    const together = await run(2, once, 1);
    const alone = await run(1, again, 2);
    t.deepEqual(alone, together);
    t.is((together as [string, number])[1], 10);
  });
}
