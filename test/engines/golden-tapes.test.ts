/** The recorded tapes of the published optimisers, replayed on every engine. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { stepHostArrays } from '../../lib/engines/host.js';
import { fusedAliGStep, NonFiniteError, type EngineName } from '../../lib/index.js';
import { aliGStep, type FusedAliGStepSettings } from '../../lib/step/alig-step.js';
import { referenceStep } from '../../lib/engines/reference.js';
import { unpackReport } from '../../lib/rules/result.js';
import { smallestLossOf } from '../../lib/rules/rule-step.js';
import {
  decode,
  goldenCases,
  goldenFiles,
  hyperParametersOf,
  type ConstructionErrors,
  type Tape,
  type Trajectory,
} from '../support/golden.js';
import {
  byDesign,
  constructionProblems,
  makeOptimizer,
  playOnBackend,
  replay,
  type Player,
} from '../support/golden-replay.js';

interface Engine {
  readonly name: EngineName;
  readonly title: string;
  prepare(tape: Tape): Promise<Player>;
}

/** The function over host arrays, which makes steps of ALI-G alone. */
function hostEngine(name: 'native-cpu' | 'typescript'): Engine {
  return {
    name,
    title: `${name}, host arrays`,
    prepare: (tape) => {
      const hyperParameters = hyperParametersOf(tape) as unknown as FusedAliGStepSettings;
      const parameters = tape.parameters.map(({ initial }) => decode(initial));
      const velocity = parameters.map(({ length }) => new Float32Array(length));
      const ruleStep = aliGStep('test', { ...hyperParameters, lowerBound: 0 });
      const none = parameters.map(() => null);
      const native = name === 'native-cpu';
      const project = native ? stepHostArrays : referenceStep;
      project(parameters, none, [], 0, ruleStep);
      return Promise.resolve({
        step: ({ loss }, gradients) =>
          native
            ? fusedAliGStep({
                parameters,
                gradients,
                velocities: velocity,
                loss,
                ...hyperParameters,
              })
            : unpackReport(
                referenceStep(parameters, gradients, velocity, loss, ruleStep),
                name,
                smallestLossOf(ruleStep),
              ),
        parameters: () => Promise.resolve(parameters),
        state: () => Promise.resolve({ arrays: { velocity }, scalars: {} }),
        dispose: () => undefined,
      });
    },
  };
}

function tensorEngine(backend: string, name: EngineName): Engine {
  return {
    name,
    title: `${name}, backend ${backend}`,
    prepare: (tape) => playOnBackend(tape, backend),
  };
}

const hostEngines = [hostEngine('typescript'), hostEngine('native-cpu')];
// golden-tapes-typescript.test.ts has the last engine: it is one of a process without the add-on.
const tensorEngines = [
  tensorEngine('tensorflow', 'tensorflow-cpu'),
  tensorEngine('cpu', 'native-cpu'),
  tensorEngine('wasm', 'portable'),
];

const tapes = goldenCases<Tape>('tape');

test('all recorded cases are here, and none is left out without being named', (t) => {
  const trajectories = goldenCases<Trajectory>('trajectory');
  t.is(tapes.length, 107);
  t.is(trajectories.length, 18);
  t.is(goldenCases<ConstructionErrors>('constructionError').length, 1);
  t.is(goldenFiles().length, 126);
  const ids = tapes.map(({ id }) => id);
  t.deepEqual(
    Object.keys(byDesign).filter((id) => !ids.includes(id)),
    [],
  );
});

for (const tape of tapes) {
  const ofFunction = tape.optimizer === 'alig' && !tape.groups;
  for (const engine of [...(ofFunction ? hostEngines : []), ...tensorEngines]) {
    test.serial(`${tape.id} on ${engine.title}`, async (t) => {
      const tensorsBefore = tf.memory().numTensors;
      const player = await engine.prepare(tape);
      t.deepEqual(await replay(tape, player, engine.name), []);
      player.dispose();
      t.is(tf.memory().numTensors, tensorsBefore);
    });
  }
}

for (const backend of ['tensorflow', 'cpu', 'wasm']) {
  test.serial(`the projection at construction is the recorded one (${backend})`, async (t) => {
    const projecting = tapes.filter(({ afterConstruction }) => afterConstruction);
    t.true(projecting.length > 0);
    for (const tape of projecting) {
      const player = await playOnBackend(tape, backend);
      t.deepEqual(constructionProblems(tape, player), [], tape.id);
      const unchanged = await player.parameters();
      t.deepEqual(
        unchanged,
        tape.parameters.map(({ initial }) => decode(initial)),
      );
      player.dispose();
    }
  });
}

test('what the published constructors refuse is refused here', (t) => {
  const [recorded] = goldenCases<ConstructionErrors>('constructionError');
  const { rows } = recorded!;
  t.true(rows.length > 0);
  for (const { optimizer, hyperParameters } of rows) {
    // The published default is the rate that has none here.
    const required = optimizer === 'alig' ? { maxLearningRate: null } : {};
    const names = Object.keys(hyperParameters);
    t.throws(() => makeOptimizer(optimizer, { ...required, ...hyperParameters }), {
      instanceOf: RangeError,
      message: new RegExp(`: (?:${names.join('|')}) must be `),
    });
  }
});

test('an infinite step size without a maximal learning rate is refused', (t) => {
  const parameters = [Float32Array.of(1)];
  const error = t.throws(
    () => fusedAliGStep({ parameters, gradients: [Float32Array.of(1e-25)], loss: 1, epsilon: 0 }),
    { instanceOf: NonFiniteError },
  );
  t.is(error.report.status, 'stepSizeNotFinite');
  t.deepEqual(parameters, [Float32Array.of(1)]);
});
