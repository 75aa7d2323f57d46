/** A run of Figure 3: its checkpoints, its log and its divergence. */
import test from 'ava';

import { prepareOptimizer } from '../../experiments/dnc/optimizers.js';
import { startDnc } from '../../experiments/dnc/train.js';
import { methods } from '../../experiments/figure-3/methods.js';
import type { TrainingRun } from '../../experiments/training/training-run.js';
import { tensorCount } from '../support/tensor-count.js';

const settings = { seed: 3, steps: 24 };

/** A checkpoint whose state is named after no variable: two networks in a session differ in that. */
async function checkpoint(run: TrainingRun) {
  const { sums, ...saved } = await run.save();
  const optimizer = saved.optimizer as readonly { readonly name: string }[];
  return {
    ...saved,
    // The times are no two runs' own.
    sums: { ...sums, seconds: 0, waited: 0 },
    seconds: 0,
    optimizer: optimizer.map((each) => ({ ...each, name: each.name.replace(/^.*\//, '') })),
  };
}

/** Takes steps, and says what came of them apart from the times. */
async function takeSteps(run: TrainingRun, count: number) {
  const steps = [];
  for (let step = 0; step < count; step++) {
    const { record, engine, report } = await run.step();
    steps.push({ record, engine, report });
  }
  return steps;
}

for (const { name, values, prepare } of methods) {
  test.serial(`${name}: a run that goes on from a checkpoint has the same numbers`, async (t) => {
    const value = values[Math.floor(values.length / 2)]!;
    const before = tensorCount();
    const whole = await startDnc(prepare(value), settings);
    const first = await takeSteps(whole, 10);
    t.deepEqual(
      first.map(({ record }) => record),
      first.map(() => null),
    );
    const state = await whole.save();
    const resumed = await startDnc(prepare(value), settings);
    await resumed.restore(structuredClone(state));
    t.deepEqual(await checkpoint(resumed), await checkpoint(whole));
    const rest = await takeSteps(whole, 14);
    t.deepEqual(await takeSteps(resumed, 14), rest);
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
  const optimizer = prepareOptimizer({ name: 'alig', maxLearningRate: 1 });
  const run = await startDnc(optimizer, settings);
  const { engine } = await run.step();
  const state = await run.save();
  const tensors = state.tensors as readonly { values: Float32Array }[];
  tensors.at(-1)!.values.fill(NaN);
  await run.restore(state);
  const outcome = await run.step();
  t.like(outcome, { engine, end: 'diverged' });
  t.regex(String(outcome.record?.['problem']), /loss .*not finite/);
  run.dispose();
});
