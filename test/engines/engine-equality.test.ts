/** Every engine that the numeric contract covers gives the bits of the reference in TypeScript. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import { stepHostArrays } from '../../lib/engines/host.js';
import { tensorFlowOp } from '../../lib/engines/tensorflow.js';
import { addonState } from '../../lib/platform/addon.js';
import { getThreadCount, setThreadCount } from '../../lib/platform/threads.js';
import {
  firstDifference,
  resultDifference,
  runCase,
  runReference,
  type CaseResult,
} from '../support/engine-comparison.js';
import { CHUNK_SIZE } from '../../lib/engines/sums.js';
import { dataOf } from '../step-cases/data.js';
import type { StepCase } from '../step-cases/step-case.js';
import { stepCases } from '../step-cases/table.js';
import { runTensorFlow } from '../support/tensorflow-steps.js';

const state = addonState();
if (!state.addon) throw new Error(state.report);
const { addon } = state;

function assertSame(
  t: ExecutionContext,
  computed: CaseResult,
  expected: CaseResult,
  where: string,
): void {
  t.is(resultDifference(computed, expected), undefined, where);
}

function runNative(stepCase: StepCase): CaseResult {
  return runCase(stepCase, ({ parameters, gradients, state }, loss, step) =>
    stepHostArrays(parameters, gradients, state, loss, step),
  );
}

test.before(async () => {
  await tf.setBackend('tensorflow');
});

test.afterEach.always(() => {
  addon.setInstructionSet(addon.instructionSets.at(-1)!);
});

test('every instruction set of this machine is compared, from the baseline on', (t) => {
  t.is(addon.instructionSets[0], 'baseline');
  t.log(`instruction sets: ${addon.instructionSets.join(', ')}`);
});

for (const stepCase of stepCases) {
  test.serial(`native engine: ${stepCase.title}`, (t) => {
    const expected = runReference(stepCase);
    t.true(expected.reports.length > 0);
    for (const instructionSet of addon.instructionSets) {
      addon.setInstructionSet(instructionSet);
      for (const threads of [1, 2, 3, 8]) {
        setThreadCount(threads);
        const computed = runNative(stepCase);
        t.is(computed.reports[0]!.engine, 'native-cpu');
        assertSame(t, computed, expected, `${instructionSet}, ${threads} threads`);
      }
    }
  });

  test.serial(`TensorFlow op: ${stepCase.title}`, (t) => {
    const tensors = tf.memory().numTensors;
    const op = tensorFlowOp();
    if (op.opName === null) throw new Error(op.problem);
    const expected = runReference(stepCase);
    // Each set has its own streaming stores, which only the op makes: new parameters of large steps.
    for (const instructionSet of addon.instructionSets) {
      addon.setInstructionSet(instructionSet);
      for (const threads of [1, 3]) {
        setThreadCount(threads);
        const computed = runTensorFlow(stepCase, op);
        t.is(computed.reports[0]!.engine, 'tensorflow-cpu');
        assertSame(t, computed, expected, `${instructionSet}, ${threads} threads`);
      }
    }
    t.is(tf.memory().numTensors, tensors);
  });
}

test.serial('the thread count is kept, and a wrong one refused', (t) => {
  setThreadCount(5);
  for (const wrong of [0, 1025, 1.5, NaN, '4', null] as number[]) {
    t.throws(
      () => {
        setThreadCount(wrong);
      },
      { instanceOf: RangeError, message: /a whole number from 1 to 1024, not / },
    );
  }
  t.is(getThreadCount(), 5);
  t.is(addon.getThreadCount(), 5);
});

test('a comparison sees one different bit, a zero of the other sign and NaN', (t) => {
  t.truthy(firstDifference([Float32Array.of(1, 0)], [Float32Array.of(1, -0)]));
  t.truthy(firstDifference([Float32Array.of(1 + 2 ** -23)], [Float32Array.of(1)]));
  t.truthy(firstDifference([Float32Array.of(NaN)], [Float32Array.of(1)]));
});

test('the cases reach what their titles say', (t) => {
  const byTitle = (title: string) => {
    const stepCase = stepCases.find((each) => each.title === title);
    if (!stepCase) throw new Error(`no case '${title}'`);
    return runReference(stepCase);
  };
  t.true(byTitle('huge parameters').reports.every(({ projected }) => projected));
  t.is(byTitle('a parameter that overflows').reports[0]!.status, 'parameterOverflow');
  t.is(byTitle('infinite loss').reports[0]!.status, 'lossNotFinite');
  t.is(byTitle('an infinite step size').reports[0]!.status, 'stepSizeNotFinite');
  t.true(byTitle('the ball active, momentum').reports.every(({ projected }) => projected));
  t.true(byTitle('a small maximal learning rate').reports.every(({ clipped }) => clipped));
  const statusOf = (title: string) => byTitle(title).reports[0]!.status;
  t.is(statusOf('Adam: infinite gradients'), 'gradientNotFinite');
  t.true(byTitle('Adam: gradients clipped').reports.every(({ clipped }) => clipped));
  t.false(
    byTitle('Adam: gradients below the clipping norm').reports.some(({ clipped }) => clipped),
  );
  const withoutEpsilon = byTitle('AdaGrad, no epsilon: no gradient and no state yet');
  t.true(withoutEpsilon.parameters.every((array) => array.every(Number.isFinite)));
  const manyChunks = stepCases.find(({ title }) => title.startsWith('more chunks'))!;
  t.true(manyChunks.sizes.filter((size) => size > 0).length > CHUNK_SIZE);
  const decayed = byTitle('velocities that decay out of the normal range').state.flatMap((v) => [
    ...v,
  ]);
  t.true(
    decayed.some((value) => value === 0) &&
      decayed.every((value) => value === 0 || Math.abs(value) >= 2 ** -126),
  );
  const denormal = byTitle('denormal parameters').parameters.flatMap((v) => [...v]);
  t.true(denormal.some((value) => value !== 0 && Math.abs(value) < 2 ** -126));
});

test('the cases on the order of additions tell it from another order', (t) => {
  const cases = stepCases.filter(({ orderSeed }) => orderSeed !== null);
  const radius = 2 ** 27;
  let otherOutcomes = 0;
  const outcomes = cases.map((stepCase) => {
    const inOrder = dataOf(stepCase).gradients.flatMap((array) => [...array!]);
    const sequential = inOrder.reduce((sum, value) => sum + value * value, 0);
    const { clipped, projected } = runReference(stepCase).reports[0]!;
    if (sequential > radius * radius === clipped) otherOutcomes++;
    return { clipped, projected };
  });
  for (const flag of ['clipped', 'projected'] as const) {
    t.true(outcomes.some((outcome) => outcome[flag]) && outcomes.some((outcome) => !outcome[flag]));
  }
  t.true(otherOutcomes > cases.length / 10, `${otherOutcomes} of ${cases.length}`);
});
