/** Every engine that the numeric contract covers gives the bits of the reference in TypeScript. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';
import { stepHostArrays } from '../lib/engines/host.js';
import { tensorFlowEngine, tensorFlowOp } from '../lib/engines/tensorflow.js';
import { addonState } from '../lib/platform/addon.js';
import { getThreadCount, setThreadCount } from '../lib/platform/threads.js';
import { referenceStep } from '../lib/step/reference.js';
import { unpackReport, type StepReport } from '../lib/step/report.js';
import {
  dataOf,
  settingsOf,
  stepCases,
  type StepCase,
  type StepData,
} from './support/step-cases.js';

const state = addonState();
if (!state.addon) throw new Error(state.report);
const { addon } = state;

interface Result extends StepData {
  readonly reports: StepReport[];
}

function bytes(array: Float32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

/** The first element whose bits differ, as text for a failure; undefined where all agree. */
function firstDifference(
  computed: readonly Float32Array[],
  expected: readonly Float32Array[],
): string | undefined {
  for (const [i, wanted] of expected.entries()) {
    const got = computed[i]!;
    if (bytes(got).equals(bytes(wanted))) continue;
    const at = wanted.findIndex((value, k) => !Object.is(value, got[k]));
    return `tensor ${i}, element ${at}: ${got[at]} instead of ${wanted[at]}`;
  }
  return undefined;
}

function assertSame(t: ExecutionContext, computed: Result, expected: Result, where: string): void {
  t.deepEqual(
    computed.reports.map((report) => ({ ...report, engine: null })),
    expected.reports.map((report) => ({ ...report, engine: null })),
    where,
  );
  t.is(
    firstDifference(computed.parameters, expected.parameters),
    undefined,
    `parameters, ${where}`,
  );
  t.is(
    firstDifference(computed.velocities, expected.velocities),
    undefined,
    `velocities, ${where}`,
  );
}

function run(stepCase: StepCase, step: (data: StepData, loss: number) => StepReport): Result {
  const data = dataOf(stepCase);
  const reports = Array.from({ length: stepCase.steps ?? 3 }, () =>
    step(data, stepCase.loss ?? 0.7),
  );
  return { ...data, reports };
}

function runReference(stepCase: StepCase): Result {
  const settings = settingsOf(stepCase);
  return run(stepCase, ({ parameters, gradients, velocities }, loss) =>
    unpackReport(referenceStep(parameters, gradients, velocities, loss, settings), 'typescript'),
  );
}

function runNative(stepCase: StepCase): Result {
  const settings = settingsOf(stepCase);
  return run(stepCase, ({ parameters, gradients, velocities }, loss) =>
    stepHostArrays(parameters, gradients, velocities, loss, settings),
  );
}

/** The same steps through the TensorFlow op: velocities first out of place, then in place. */
function runTensorFlow(stepCase: StepCase): Result {
  const settings = settingsOf(stepCase);
  const op = tensorFlowOp();
  if (op.opName === null) throw new Error(op.problem);
  const engine = tensorFlowEngine(op.opName);
  const data = dataOf(stepCase);
  const result: Result = { ...data, reports: [] };
  tf.tidy(() => {
    const variables = data.parameters.map((array) => tf.variable(tf.tensor1d(array)));
    const gradients = data.gradients.map((array) => array && tf.tensor1d(array));
    let velocities: tf.Tensor[] = data.velocities.map((array) => tf.tensor1d(array));
    let own = false;
    for (let i = 0; i < (stepCase.steps ?? 3); i++) {
      const outcome = engine({
        variables,
        gradients,
        velocities: settings.momentum === 0 ? null : velocities,
        velocitiesInPlace: own,
        loss: stepCase.loss ?? 0.7,
        settings,
      });
      if (outcome.newVelocities) {
        velocities = outcome.newVelocities;
        own = true;
      }
      result.reports.push(outcome.report);
    }
    result.parameters.splice(0, Infinity, ...variables.map((each) => each.dataSync<'float32'>()));
    result.velocities.splice(0, Infinity, ...velocities.map((each) => each.dataSync<'float32'>()));
    tf.dispose(variables);
  });
  return result;
}

test.before(async () => {
  await tf.setBackend('tensorflow');
});

test.afterEach.always(() => {
  addon.setInstructionSet(addon.instructionSets.at(-1)!);
});

test('this machine has more than the baseline to compare', (t) => {
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
    const expected = runReference(stepCase);
    // Each set has its own streaming stores, which only the op makes: new parameters of large steps.
    for (const instructionSet of addon.instructionSets) {
      addon.setInstructionSet(instructionSet);
      for (const threads of [1, 3]) {
        setThreadCount(threads);
        const computed = runTensorFlow(stepCase);
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
  const decayed = byTitle('velocities that decay out of the normal range').velocities.flatMap(
    (v) => [...v],
  );
  t.true(
    decayed.some((value) => value === 0) &&
      decayed.every((value) => value === 0 || Math.abs(value) >= 2 ** -126),
  );
  const denormal = byTitle('denormal parameters').parameters.flatMap((v) => [...v]);
  t.true(denormal.some((value) => value !== 0 && Math.abs(value) < 2 ** -126));
});
