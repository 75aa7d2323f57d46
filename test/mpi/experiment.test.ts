/** The runs of an experiment's grid, shared by the ranks that mpirun has started. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLogs } from '../experiments/fixtures/run.js';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { missingMpi, startMpirun } from '../support/mpirun.js';
import { testsThatNeed } from '../support/needs.js';

const withMpi = testsThatNeed('MPI', missingMpi());
const script = fileURLToPath(new URL('../experiments/fixtures/main.js', import.meta.url));

function summaryOf(folder: string): unknown {
  const text = readFileSync(join(folder, 'results.json'), 'utf8');
  return (JSON.parse(text) as { summary: unknown }).summary;
}

withMpi('3 ranks make the runs of a grid once, and one report', async (t) => {
  const [alone, together] = [temporaryFolder(t), temporaryFolder(t)];
  const one = await runNode([script, 'arrays', alone], { cwd: packageRoot });
  t.is(one.exitCode, 0, one.output);
  const trace = join(temporaryFolder(t), 'trace');
  const three = await startMpirun(3, [script, 'arrays', together], { EXPERIMENT_TRACE: trace })
    .ended;
  t.is(three.exitCode, 0, three.output);
  t.is(three.output.split('Written:').length, 2, three.output);
  t.is(readFileSync(trace, 'utf8').trimEnd().split('\n').length, 4 * 60);
  t.deepEqual(readLogs(together), readLogs(alone));
  t.deepEqual(summaryOf(together), summaryOf(alone));
});

withMpi('a run that fails on one rank does not end those of the others', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'runs'));
  const full = join(folder, 'runs', 'alig,maxLearningRate=0.1,seed=2.checkpoint.new');
  symlinkSync('/dev/full', full);
  const { exitCode, output } = await startMpirun(2, [script, 'arrays', folder]).ended;
  t.not(exitCode, 0);
  t.regex(output, /1 of 2 runs failed\.\n.*seed=2: Cannot write/);
  t.regex(output, /Runs of 1 of the other ranks failed; no results/);
  t.false(output.includes('Written:'));
  const names = readdirSync(join(folder, 'runs'));
  for (const seed of [1, 3]) t.true(names.includes(`alig,maxLearningRate=0.1,seed=${seed}.jsonl`));
});

withMpi('ranks are given no shard', async (t) => {
  const command = [join(packageRoot, 'dist', 'cli', 'main.js'), 'experiment', 'theory'];
  const { exitCode, output } = await startMpirun(2, [...command, '--shard', '1/2']).ended;
  t.not(exitCode, 0);
  t.regex(output, /option '--shard' is not for several ranks, which share the runs by themselves/);
});
