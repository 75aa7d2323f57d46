/** The communicator of `tfjs-alig/mpi` on real processes, and without MPI. */
import test from 'ava';
import { join } from 'node:path';
import type { DoctorReport } from '../../cli/examine.js';
import { packageRoot, packageWithoutAddon } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { missingMpi, runRanks } from '../support/mpirun.js';
import { testsThatNeed } from '../support/needs.js';

const withMpi = testsThatNeed('MPI', missingMpi());

for (const size of [1, 2, 4]) {
  withMpi(`all methods on ${size} ranks`, async (t) => {
    const { told, exitCode, output } = await runRanks(size, 'collectives');
    t.is(exitCode, 0, output);
    for (const [rank, [methods, refused, after, disposed]] of told.entries()) {
      const sumOf = (value: number) => size * value + ((size * (size - 1)) / 2) * (1 / 16);
      t.deepEqual(methods, {
        rank,
        size,
        // In rank order, rounded after each addition.
        order: 2 ** 53,
        large: [0, 999, 0].map(sumOf),
        number: (size * size) / 2,
        empty: 0,
        broadcast: [size - 1, 10 * (size - 1)],
        same: true,
        turned: true,
        both: [size, 10 * size],
      });
      const [length, type, method, root, array] = refused as string[];
      if (size === 1) {
        t.deepEqual([length, type, method], ['', '', '']);
      } else {
        t.regex(
          length!,
          /ranks differ where one calls sum\(\): length is 3 on rank 1 and 2 on rank 0/,
        );
        t.regex(type!, /type is "Int32Array" on rank 1 and "Float32Array" on rank 0/);
        t.regex(
          method!,
          rank === 1
            ? /rank 0 calls sum\(\) while rank 1 calls barrier\(\)/
            : /rank 1 calls barrier\(\) while rank \d calls sum\(\)/,
        );
      }
      t.regex(root!, new RegExp(`root must be a rank, from 0 to ${size - 1}, not ${size}`));
      t.regex(array!, /sum takes a number, a Float32Array or a Float64Array, not/);
      t.is(after, size);
      t.regex(disposed as string, /cannot go on with the others: it has disposed/);
    }
  });
}

/** Imports tfjs-alig/mpi in a process of its own, as a user would. */
function importMpi(cwd: string, environment: NodeJS.ProcessEnv) {
  const script =
    "try { await import('tfjs-alig/mpi'); console.log('imported'); }" +
    'catch (error) { console.log(error.message); }';
  return runNode(['--input-type=module', '--eval', script], { cwd, environment });
}

test('without the MPI engine the import says what to install', async (t) => {
  const { output } = await importMpi(packageRoot, { TFJS_ALIG_MPI_LIBRARY: '/nowhere/mpi.so' });
  t.regex(output, /^tfjs-alig\/mpi: MPI or the MPI engine is missing \(.*\/nowhere\/mpi\.so/);
  t.regex(output, /apt install openmpi-bin libopenmpi-dev, then npx tfjs-alig build/);
});

test('without the add-on the import names it', async (t) => {
  const { output } = await importMpi(packageWithoutAddon(t), {});
  t.regex(output, /^tfjs-alig\/mpi needs the native add-on\. .*could not be loaded/);
});

test('the doctor names the MPI engine, and is content without', async (t) => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const environment = { TFJS_ALIG_MPI_LIBRARY: '/nowhere/mpi.so', MPICXX: '/nowhere/mpicxx' };
  const { output, exitCode } = await runNode([main, 'doctor', '--json'], {
    cwd: packageRoot,
    environment,
  });
  t.is(exitCode, 0);
  const { mpi } = JSON.parse(output) as DoctorReport;
  t.deepEqual(mpi.compiler, {
    command: null,
    missing: 'the compiler that MPICXX names ("/nowhere/mpicxx") could not be run',
  });
  t.like(mpi.library, { status: 'missing' });
  t.regex(
    mpi.library && 'remedy' in mpi.library ? mpi.library.remedy : '',
    /apt install openmpi-bin libopenmpi-dev\), then npx tfjs-alig build/,
  );
});

withMpi('a time that is none is refused at the import', async (t) => {
  const { output } = await importMpi(packageRoot, { TFJS_ALIG_MPI_TIMEOUT: 'soon' });
  t.regex(output, /^TFJS_ALIG_MPI_TIMEOUT must be a positive number of seconds, not 'soon'/);
});

withMpi('in CommonJS it is the same module', async (t) => {
  const script =
    "const { mpi } = require('tfjs-alig/mpi');" +
    "import('tfjs-alig/mpi').then((module) => console.log(module.mpi === mpi, mpi.size));";
  const { output } = await runNode(['--eval', script], { cwd: packageRoot });
  t.regex(output, /^true 1$/m);
});
