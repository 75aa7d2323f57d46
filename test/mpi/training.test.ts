/** Training on several processes: the same bits as gradient accumulation in one. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { singleRunPaths } from '../../experiments/training/output.js';
import type { Communicator } from '../../lib/index.js';
import { stepExchange } from '../../lib/mpi/communicator.js';
import { readLines, withoutTimes } from '../experiments/program.js';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { runNode, until } from '../platform/run.js';
import { missingMpi, runRanks, startMpirun } from '../support/mpirun.js';
import { testsThatNeed } from '../support/needs.js';
import { simulatedGpu, simulatedLibrary } from '../support/simulated-cuda.js';

const withMpi = testsThatNeed('MPI', missingMpi());

// TensorFlow's sums may depend on its number of threads.
const environment = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };

interface Run {
  readonly name: string;
  readonly backend: string;
  /** Hashes of parameters and state, number of steps. */
  readonly together: readonly unknown[];
  readonly alone: readonly unknown[] | null;
  readonly trains: boolean;
}

for (const size of [2, 4]) {
  withMpi(`100 steps on ${size} ranks equal one process over ${size} micro-batches`, async (t) => {
    const { told, exitCode, output } = await runRanks(size, 'equality', [], environment);
    t.is(exitCode, 0, output);
    const [first, ...others] = told as unknown as readonly (readonly Run[])[];
    t.is(first!.length, 6);
    for (const { name, backend, together, alone, trains } of first!) {
      t.deepEqual(together, alone, `${name}, ${backend}`);
      t.is(together[2], 100);
      t.true(trains, name);
    }
    const bits = first!.map(({ together }) => together);
    t.is(new Set(bits.map(([parameters]) => parameters)).size, 6);
    for (const runs of others) {
      t.deepEqual(
        runs.map(({ together }) => together),
        bits,
      );
    }
  });
}

for (const size of [2, 3]) {
  withMpi(
    `steps over arrays and variables on ${size} ranks have the bits of one process`,
    async (t) => {
      const { told, exitCode, output } = await runRanks(size, 'fused', [], environment);
      t.is(exitCode, 0, output);
      for (const rows of told) {
        const both = { one: [true, true], all: [true, true], none: [1] };
        // No GPU here: what is told of one has a test of its own.
        t.deepEqual(
          rows.filter((row) => !('device' in (row as object))),
          [
            { arrays: true },
            { prepared: true },
            { tensorflow: true, leaked: 0 },
            both,
            { cpu: true, leaked: 0 },
            both,
          ],
        );
      }
    },
  );
}

interface Sharded {
  readonly name: string;
  readonly backend: string;
  readonly reduction: string;
  readonly whole: { readonly bytes: number };
  readonly shards: { readonly bytes: number };
  readonly leaked: number;
}

for (const size of [2, 3, 4]) {
  withMpi(`${size} ranks that share the state have the bits of whole states`, async (t) => {
    const { told, exitCode, output } = await runRanks(size, 'shards');
    t.is(exitCode, 0, output);
    const bytesOfAll = new Map<string, { whole: number; shards: number }>();
    for (const rows of told as unknown as readonly (readonly Sharded[])[]) {
      t.is(rows.length, 24);
      for (const { name, backend, reduction, whole, shards, leaked } of rows) {
        const row = `${name}, ${backend}, ${reduction}`;
        t.deepEqual({ ...shards, bytes: 0 }, { ...whole, bytes: 0 }, row);
        t.is(leaked, 0, row);
        const before = bytesOfAll.get(row)?.shards ?? 0;
        bytesOfAll.set(row, { whole: whole.bytes, shards: before + shards.bytes });
      }
    }
    // All ranks together have what each has of whole states.
    for (const [row, { whole, shards }] of bytesOfAll) {
      t.is(shards, whole, row);
      t.is(whole > 0, !row.startsWith('sgd'), row);
    }
  });
}

interface Trained {
  readonly losses: readonly number[];
  readonly bits: string;
}

for (const size of [2, 4]) {
  withMpi(`fast reduction on ${size} ranks gives all of them the same averages`, async (t) => {
    const { told, exitCode, output } = await runRanks(size, 'reduction');
    t.is(exitCode, 0, output);
    const [, first] = told[0] as [boolean, [Trained, Trained]];
    for (const [exact, trained, differing, after] of told) {
      t.true(exact);
      t.deepEqual(trained, first);
      const [message, value] = differing as [string, number];
      t.regex(message, /reduction is "reproducible" on rank 1 and "fast" on rank 0/);
      t.is(value, 1);
      const [iterations, wrong] = after as [number, string];
      t.is(iterations, 1);
      t.regex(wrong, /reduction must be 'reproducible' or 'fast', not 'fastest'/);
    }
    const [reproducible, fast] = first;
    fast.losses.forEach((loss, i) => {
      t.true(Math.abs(loss - reproducible.losses[i]!) < 1e-3, `step ${i + 1}`);
    });
  });
}

const simulated = missingMpi() === undefined ? await simulatedLibrary() : { missing: 'MPI' };

for (const gpuMemory of ['0', '1']) {
  const way = gpuMemory === '1' ? 'by an MPI that takes its addresses' : 'through pinned memory';
  testsThatNeed(simulatedGpu, 'missing' in simulated ? simulated.missing : undefined)(
    `averages of a GPU's arrays on 2 ranks, and steps with them, have the bits of one process, ${way}`,
    async (t) => {
      const { path } = simulated as { path: string };
      const { told, exitCode, output } = await runRanks(2, 'fused', ['device'], {
        TFJS_ALIG_CUDA_LIBRARY: path,
        TFJS_ALIG_MPI_GPU_MEMORY: gpuMemory,
      });
      t.is(exitCode, 0, output);
      const shapes = [5, 0, 2 ** 22, 3, 2 ** 23 + 7, 2 ** 21];
      const right = shapes.map(() => true);
      const expected = [{ device: true }, { reproducible: right, shapes }, { fast: right, shapes }];
      for (const rows of told) t.deepEqual(rows, expected);
    },
  );
}

interface Fitted {
  readonly shape: readonly number[];
  readonly first: boolean;
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly bits: string;
  readonly steps: number;
}

withMpi('model.fit trains on the parts of all ranks, with one history', async (t) => {
  const { told, exitCode, output } = await runRanks(3, 'fit');
  t.is(exitCode, 0, output);
  const fitted = told.map(([value]) => value as Fitted);
  for (const { shape, first, history, bits, steps } of fitted) {
    t.deepEqual(shape, [64, 6]);
    t.true(first);
    t.is(steps, 12);
    t.is(bits, fitted[0]!.bits);
    t.deepEqual(history, fitted[0]!.history);
    const { loss, acc, stepSize } = history;
    t.true(loss![2]! < loss![0]!);
    t.true(acc!.every((share) => share > 0 && share <= 1));
    t.is(stepSize!.length, 3);
  }
  // The bar of one rank.
  t.is(output.split('Epoch 1 / 3').length, 2, output);
});

withMpi(
  'train mnist on 2 ranks has one log and one display, and the steps of one process',
  async (t) => {
    const [alone, together] = [temporaryFolder(t), temporaryFolder(t)];
    const options = ['--examples', '200', '--epochs', '1', '--batch-size', '64'];
    const train = (folder: string) => [
      join(packageRoot, 'dist', 'cli', 'main.js'),
      ...['train', 'mnist', ...options, '--output', folder],
    ];
    const one = await runNode(train(alone), { cwd: packageRoot });
    t.is(one.exitCode, 0, one.output);
    const two = await startMpirun(2, train(together)).ended;
    t.is(two.exitCode, 0, two.output);
    t.is(two.output.split('MNIST, 1 epoch of 4 steps').length, 2, two.output);
    t.regex(two.output, /200 examples, batch size 64, seed 1, 2 ranks/);
    t.deepEqual(readdirSync(together).sort(), ['curves.svg', 'log.jsonl']);
    const [stepsOfOne, stepsOfTwo] = [alone, together].map((folder) =>
      readFileSync(join(folder, 'log.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; loss?: number })
        .filter(({ type }) => type === 'step'),
    );
    t.is(stepsOfTwo!.length, 4);
    // Sums in another order, which later steps make larger.
    for (const [i, { loss }] of stepsOfTwo!.entries()) {
      t.true(Math.abs(loss! - stepsOfOne![i]!.loss!) < 1e-3, `step ${i + 1}`);
    }
    const again = await startMpirun(2, train(together)).ended;
    t.not(again.exitCode, 0);
    t.regex(again.output, /already has a log\.jsonl of another run/);
  },
);

/** The processes that one has started. */
function childrenOf(process: number): number[] {
  const text = readFileSync(`/proc/${process}/task/${process}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

withMpi('train mnist on 2 ranks, one of them killed, goes on bit for bit', async (t) => {
  const script = fileURLToPath(new URL('../experiments/fixtures/train.js', import.meta.url));
  const [whole, killed] = [temporaryFolder(t), temporaryFolder(t)];
  const start = (folder: string, size = 2) => startMpirun(size, [script, 'mnist', folder]);
  const { exitCode, output } = await start(whole).ended;
  t.is(exitCode, 0, output);
  for (const rank of [0, 1]) {
    const running = start(killed);
    // It writes a checkpoint after every step, and goes on from one at the second start.
    const isUnderWay = () =>
      rank === 0
        ? existsSync(singleRunPaths(killed).checkpoint)
        : running.output().includes('Going on after');
    await until(() => isUnderWay() || running.mpirun.exitCode !== null);
    const ranks = childrenOf(running.mpirun.pid!);
    t.is(ranks.length, 2, running.output());
    process.kill(ranks[rank]!, 'SIGKILL');
    const ended = await running.ended;
    t.regex(ended.output, /exited on signal 9/);
    t.false(existsSync(singleRunPaths(killed).log), ended.output);
  }
  const other = await start(killed, 3).ended;
  t.not(other.exitCode, 0);
  t.regex(other.output, /was begun with another configuration \(ranks: 2, now 3\)/);
  const last = await start(killed).ended;
  t.is(last.exitCode, 0, last.output);
  t.regex(last.output, /Going on after \d+ of 32 steps/);
  const [expected, numbers] = [whole, killed].map((folder) =>
    readLines(join(folder, 'log.jsonl')).map((line) => withoutTimes(line as object)),
  );
  t.deepEqual(numbers, expected);
});

test('what shard and averagedLogs cannot take is refused', async (t) => {
  const { averagedLogs, shard } = await import('../../lib/index.js');
  const communicator = { size: 3, rank: 1, [stepExchange]: null } as unknown as Communicator;
  const wrong = undefined as unknown as Communicator;
  t.throws(() => averagedLogs(wrong), {
    message: /averagedLogs: communicator is missing; give it/,
  });
  t.throws(() => shard(tf.zeros([4]), wrong), { message: /shard: communicator is missing/ });
  t.throws(() => shard(tf.zeros([2, 5]), communicator), {
    instanceOf: RangeError,
    message: /examples has 2 of them in shape \[2, 5\], fewer than the 3 ranks/,
  });
  t.throws(() => shard([1] as unknown as tf.Tensor, communicator), { instanceOf: TypeError });
  t.deepEqual([...shard(tf.range(0, 7, 1), communicator).dataSync()], [2, 3]);
});

test('a communicator that is none is refused', async (t) => {
  const { AliG } = await import('../../lib/index.js');
  t.throws(() => new AliG({ maxLearningRate: 1, communicator: {} as never }), {
    instanceOf: TypeError,
    message: /^AliG: communicator must be mpi of 'tfjs-alig\/mpi', or null .*, not an object/,
  });
  const optimizer = new AliG({ maxLearningRate: 1, communicator: null });
  t.false('communicator' in optimizer.getConfig());
  t.throws(
    () => {
      optimizer.communicator = 3 as never;
    },
    { instanceOf: TypeError, message: /communicator must be/ },
  );
});
