/** What a prepared step over host arrays has to do, whichever engine serves it. */
import test from 'ava';
import {
  fusedAliGStep,
  NonFiniteError,
  prepareAliGStep,
  type EngineName,
  type HostStepOptions,
} from '../../lib/index.js';
import { randomNumbers } from './random.js';
import { resizableBuffer, type ResizableBuffer } from './resizable-buffer.js';

type Options = Omit<HostStepOptions, 'loss'>;

const forms: Readonly<Record<string, Options | object>> = {
  'no momentum': {},
  momentum: { momentum: 0.9 },
  'a ball that is left': { momentum: 0.9, maxNorm: 1 },
  'adjusted momentum': { momentum: 0.9, adjustedMomentum: true },
};

const sizes = [3, 700, 0, 33];

function optionsOf(form: object, allocate = (size: number) => new Float32Array(size)): Options {
  const random = randomNumbers(5);
  const list = () =>
    sizes.map((size) => {
      const array = allocate(size);
      for (let i = 0; i < size; i++) array[i] = 2 * random() - 1;
      return array;
    });
  return {
    parameters: list(),
    // The last one has none.
    gradients: list().map((values, i) => (i === sizes.length - 1 ? null : values)),
    ...('momentum' in form ? { velocities: list() } : {}),
    maxLearningRate: 0.1,
    ...form,
  };
}

const changed = ({ parameters, velocities }: Options) => [...parameters, ...(velocities ?? [])];

/** Declares the tests, for the engine that serves in this process. */
export function testPreparedSteps(engine: EngineName): void {
  for (const [title, form] of Object.entries(forms)) {
    test(`a prepared step is fusedAliGStep's: ${title}`, (t) => {
      const [one, other] = [optionsOf(form), optionsOf(form)];
      const prepared = prepareAliGStep(one);
      for (let step = 0; step < 5; step++) {
        for (const { gradients } of [one, other]) {
          // Trainers write new gradients into the same arrays.
          for (const [i, values] of gradients.entries()) values?.fill(0.1 * step + i);
        }
        const report = prepared.step(0.7);
        t.is(report.engine, engine);
        t.deepEqual(report, fusedAliGStep({ ...other, loss: 0.7 }));
        t.deepEqual(changed(one), changed(other));
      }
      prepared.dispose();
      prepared.dispose();
    });
  }

  test('a prepared step that is refused changes nothing, and the next one is made', (t) => {
    const options = optionsOf({ momentum: 0.9 });
    const before = structuredClone(changed(options));
    const prepared = prepareAliGStep(options);
    for (const loss of [NaN, Infinity]) {
      t.throws(() => prepared.step(loss), { instanceOf: NonFiniteError, message: /the loss is/ });
    }
    const gradient = options.gradients[1]!;
    const [kept] = gradient;
    gradient[0] = NaN;
    t.throws(() => prepared.step(1), { message: /a gradient is not finite \(gradients\[1\]\)/ });
    gradient[0] = kept!;
    t.deepEqual(changed(options), before);
    t.is(prepared.step(1).status, 'taken');
  });

  test('bad arguments of a prepared step have their own errors', (t) => {
    const options = optionsOf({ momentum: 0.9 });
    const { parameters, velocities } = options;
    const rows: [object, RegExp][] = [
      [{ ...options, loss: 1 }, /^prepareAliGStep has no option 'loss'/],
      [{ ...options, maxLearningRate: -1 }, /^prepareAliGStep: maxLearningRate must be/],
      [{ ...options, parameters: 3 }, /^prepareAliGStep: parameters must be an array/],
      [{ ...options, gradients: [] }, /^prepareAliGStep: gradients has 0 entries/],
      [{ ...options, velocities: undefined }, /^prepareAliGStep: velocities are missing/],
      [{ ...options, gradients: [null, null, null, null] }, /none of the 4 parameters has a grad/],
      [
        { ...options, velocities: [velocities![1], ...velocities!.slice(1)] },
        /^prepareAliGStep: velocities\[0\] has 700 elements, but its parameter has 3/,
      ],
      [
        { ...options, velocities: [parameters[0], ...velocities!.slice(1)] },
        /^prepareAliGStep: parameters\[0\] and velocities\[0\] share memory/,
      ],
    ];
    for (const [given, message] of rows) {
      t.throws(() => prepareAliGStep(given as Options), { message });
    }
    const prepared = prepareAliGStep(options);
    for (const loss of [undefined, null, '1', [1]]) {
      t.throws(() => prepared.step(loss as never), {
        instanceOf: TypeError,
        message: /^prepareAliGStep: step takes the loss as a number, not /,
      });
    }
    prepared.dispose();
    t.throws(() => prepared.step(1), { message: /this step is disposed; prepare it anew/ });
  });

  const ways: Readonly<Record<string, (array: Float32Array) => void>> = {
    'is transferred': ({ buffer }) => {
      structuredClone(0, { transfer: [buffer as ArrayBuffer] });
    },
    shrinks: ({ buffer }) => {
      (buffer as ResizableBuffer).resize(0);
    },
  };
  for (const [way, free] of Object.entries(ways)) {
    for (const list of ['parameters', 'gradients', 'velocities'] as const) {
      test(`an array of ${list} that ${way} ends a prepared step`, (t) => {
        const options = optionsOf(
          { momentum: 0.9 },
          (size) => new Float32Array(resizableBuffer(4 * size)),
        );
        const { parameters, gradients, velocities = [] } = options;
        const prepared = prepareAliGStep(options);
        t.is(prepared.step(1).status, 'taken');
        const victim = options[list]![1]!;
        const others = [...parameters, ...gradients, ...velocities].filter(
          (values) => values !== null && values !== victim,
        ) as Float32Array[];
        const before = others.map((values) => [...values]);
        free(victim);
        t.throws(() => prepared.step(1), {
          message: new RegExp(
            `^prepareAliGStep: ${list}\\[1\\] has lost its memory .*; prepare the`,
          ),
        });
        t.deepEqual(
          others.map((values) => [...values]),
          before,
        );
      });
    }
  }
}
