/** A run of Figure 3: its checkpoints, its log and its divergence. */
import test from 'ava';

import { prepareOptimizer } from '../../experiments/dnc/optimizers.js';
import { methods } from '../../experiments/figure-3/methods.js';
import { DncRun } from '../../experiments/figure-3/run.js';
import { tensorCount } from '../support/tensor-count.js';

const specification = { method: 'test', hyperParameters: {}, seed: 3, steps: 24 };

/** A checkpoint whose state is named after no variable: two networks in a session differ in that. */
async function checkpoint(run: DncRun) {
  const saved = await run.save();
  const optimizer = saved.optimizer as readonly { readonly name: string }[];
  return {
    ...saved,
    optimizer: optimizer.map((each) => ({ ...each, name: each.name.replace(/^.*\//, '') })),
  };
}

for (const { name, values, prepare } of methods) {
  test.serial(`${name}: a run that goes on from a checkpoint has the same numbers`, async (t) => {
    const value = values[Math.floor(values.length / 2)]!;
    const before = tensorCount();
    const whole = new DncRun(specification, prepare(value));
    const first = Array.from({ length: 10 }, () => whole.step());
    t.deepEqual(
      first.map(({ record }) => record),
      first.map(() => null),
    );
    const state = await whole.save();
    const resumed = new DncRun({ ...specification }, prepare(value));
    await resumed.restore(structuredClone(state));
    t.deepEqual(await checkpoint(resumed), await checkpoint(whole));
    const rest = Array.from({ length: 14 }, () => whole.step());
    t.deepEqual(
      Array.from({ length: 14 }, () => resumed.step()),
      rest,
    );
    const last = rest.at(-1)?.record;
    t.true((last?.['meanLoss'] as number) > 0);
    t.not(last?.['meanLoss'], last?.['loss']);
    t.deepEqual(await checkpoint(resumed), await checkpoint(whole));
    whole.dispose();
    resumed.dispose();
    t.is(tensorCount(), before);
  });
}

test.serial('a run that diverges ends, and says why', async (t) => {
  const run = new DncRun(specification, prepareOptimizer({ name: 'alig', maxLearningRate: 1 }));
  const { engine } = run.step();
  const state = await run.save();
  const parameters = state.parameters as readonly { name: string; values: Float32Array }[];
  parameters.find(({ name }) => name === 'output_linear/b')!.values.fill(NaN);
  await run.restore(state);
  const outcome = run.step();
  t.like(outcome, { engine, end: 'diverged' });
  t.regex(String(outcome.record?.['problem']), /loss .*not finite/);
  run.dispose();
});
