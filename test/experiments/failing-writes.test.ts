/** Every write of a run fails once: files are as before or as after, and the run goes on from them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import test from 'ava';

import { readCheckpoint } from '../../experiments/runner/checkpoint.js';
import { executeRun } from '../../experiments/runner/execute-run.js';
import type { Experiment, RunSpecification } from '../../experiments/runner/experiment.js';
import { runPaths, type RunPaths } from '../../experiments/runner/files.js';
import { readFinishedRun } from '../../experiments/runner/resumable-log.js';
import { exclusively } from '../../lib/platform/exclusive.js';
import { FileError } from '../../lib/platform/file-error.js';
import { withFailingWrites, type Failure } from './fixtures/failing-writes.js';

const specification: RunSpecification = {
  method: 'sum',
  hyperParameters: {},
  seed: 1,
  steps: 3,
};

/** Each step depends on all before it. */
const experiment: Experiment = {
  name: 'sums',
  grid: () => [specification],
  start() {
    let sum = 1;
    return {
      step() {
        sum = Math.fround(sum * 1.1 + 0.1);
        return { engine: null, record: { sum } };
      },
      save: () => ({ sum }),
      restore(state) {
        sum = state['sum'] as number;
      },
    };
  },
  report: () => ({ summary: {}, figures: [], tables: [] }),
};

const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-failing-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function make(paths: RunPaths): Promise<void> {
  await exclusively(
    paths.lock,
    (lock) =>
      executeRun({
        experiment,
        specification,
        context: { dataFolder: null },
        paths,
        lock,
        header: {
          type: 'run',
          experiment: 'sums',
          configuration: specification,
          commit: null,
          command: 'test',
          versions: {},
          environment: {},
          machine: { processor: 'any', logicalProcessors: 1 },
        },
        checkpointSeconds: 0,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      }),
    {},
  );
}

function numbers(paths: RunPaths): unknown {
  return readFinishedRun(paths, 'run', specification).steps.map(({ step, sum }) => [step, sum]);
}

function newPaths(name: string): RunPaths {
  const paths = runPaths(join(folder, name), 'sum');
  mkdirSync(join(folder, name, 'runs'), { recursive: true });
  return paths;
}

for (const code of ['ENOSPC', 'EIO'] as const) {
  for (const forGood of [false, true]) {
    const title = `${code} ${forGood ? 'from one write on' : 'at one write'}, at each in turn`;
    test.serial(title, async (t) => {
      const reference = newPaths(`${code}-${String(forGood)}`);
      await make(reference);
      const expected = numbers(reference);
      let tries = 0;
      for (let at = 1; ; at++) {
        const paths = newPaths(`${code}-${String(forGood)}-${at}`);
        const failure: Failure = { at, code, forGood, among: folder };
        const isReached = await withFailingWrites(failure, async () => {
          const error = await make(paths).then(
            () => null,
            (reason: unknown) => reason,
          );
          if (error !== null) {
            t.true(error instanceof FileError, (error as Error).stack);
            t.regex((error as Error).message, /^Cannot write .*(The disk is full|an error: check)/);
          }
        });
        if (!isReached) break;
        tries += 1;
        // A finished log is whole, an unfinished run's checkpoint is that of its log.
        if (existsSync(paths.log)) t.deepEqual(numbers(paths), expected);
        const checkpoint = readCheckpoint(paths.checkpoint);
        if (checkpoint !== null && !existsSync(paths.log)) {
          t.true(readFileSync(paths.partialLog).length >= checkpoint.logLength);
        }
        if (!existsSync(paths.log)) await make(paths);
        t.deepEqual(numbers(paths), expected, `the write ${at} fails`);
      }
      t.log(`${tries} writes`);
      t.true(tries > 15);
    });
  }
}
