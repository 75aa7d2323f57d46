/** Training on several processes: the same bits as gradient accumulation in one. */
import test from 'ava';
import { missingMpi, runRanks } from '../support/mpirun.js';
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

const simulated = missingMpi() === undefined ? await simulatedLibrary() : { missing: 'MPI' };

testsThatNeed(simulatedGpu, 'missing' in simulated ? simulated.missing : undefined)(
  'steps over device buffers on 2 ranks have the bits of one process',
  async (t) => {
    const { path } = simulated as { path: string };
    const { told, exitCode, output } = await runRanks(2, 'fused', ['device'], {
      TFJS_ALIG_CUDA_LIBRARY: path,
    });
    t.is(exitCode, 0, output);
    for (const rows of told) t.deepEqual(rows, [{ device: true }]);
  },
);

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
