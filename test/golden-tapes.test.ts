/** The recorded tapes of the published ALI-G, replayed on every engine. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { stepHostArrays } from '../lib/engines/host.js';
import { fusedAliGStep, NonFiniteError, type EngineName } from '../lib/index.js';
import { referenceStep } from '../lib/step/reference.js';
import { unpackReport } from '../lib/step/report.js';
import { aliGStep } from '../lib/step/alig-step.js';
import {
  decode,
  excess,
  goldenCases,
  hyperParametersOf,
  parameterMagnitudes,
  type Tape,
} from './support/golden.js';
import { playOnBackend, replay, type Player } from './support/golden-replay.js';

interface Engine {
  readonly name: EngineName;
  readonly title: string;
  prepare(tape: Tape): Promise<Player>;
}

function hostEngine(name: 'native-cpu' | 'typescript'): Engine {
  return {
    name,
    title: `${name}, host arrays`,
    prepare: (tape) => {
      const hyperParameters = hyperParametersOf(tape);
      const parameters = tape.parameters.map(({ initial }) => decode(initial));
      const velocities = parameters.map(({ length }) => new Float32Array(length));
      const ruleStep = aliGStep('test', {
        ...(hyperParameters as Required<typeof hyperParameters>),
        lowerBound: 0,
      });
      const none = parameters.map(() => null);
      const native = name === 'native-cpu';
      const project = native ? stepHostArrays : referenceStep;
      project(parameters, none, [], 0, ruleStep);
      return Promise.resolve({
        step: (loss, gradients) =>
          native
            ? fusedAliGStep({ parameters, gradients, velocities, loss, ...hyperParameters })
            : unpackReport(referenceStep(parameters, gradients, velocities, loss, ruleStep), name),
        parameters: () => Promise.resolve(parameters),
        velocities: () => Promise.resolve(velocities),
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

const engines: Engine[] = [
  hostEngine('typescript'),
  hostEngine('native-cpu'),
  tensorEngine('tensorflow', 'tensorflow-cpu'),
  tensorEngine('cpu', 'native-cpu'),
  tensorEngine('wasm', 'portable'),
];

const tapes = goldenCases<Tape>('tape');

test('all tapes of ALI-G without parameter groups are here', (t) => {
  t.is(tapes.length, 21);
});

for (const tape of tapes) {
  for (const engine of engines) {
    test.serial(`${tape.id} on ${engine.title}`, async (t) => {
      const tensorsBefore = tf.memory().numTensors;
      const player = await engine.prepare(tape);
      t.deepEqual(await replay(tape, player, engine.name), []);
      player.dispose();
      t.is(tf.memory().numTensors, tensorsBefore);
    });
  }
}

test('the projection at construction is the recorded one', (t) => {
  const projecting = tapes.filter(({ afterConstruction }) => afterConstruction);
  t.true(projecting.length > 0);
  for (const tape of projecting) {
    const parameters = tape.parameters.map(({ initial }) => decode(initial));
    const { maxNorm } = tape.hyperParameters;
    const step = aliGStep('test', {
      ...(hyperParametersOf(tape) as Required<ReturnType<typeof hyperParametersOf>>),
      lowerBound: 0,
      maxNorm,
    });
    stepHostArrays(
      parameters,
      parameters.map(() => null),
      [],
      0,
      step,
    );
    const scales = parameterMagnitudes(tape);
    parameters.forEach((values, i) => {
      const expected = decode(tape.afterConstruction!.parameters[i]!);
      t.true(excess(values, expected, scales[i]!, tape.tolerance) <= 0, tape.id);
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
