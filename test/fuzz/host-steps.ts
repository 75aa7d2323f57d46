/** Steps over arrays of any kind: the bits of the reference, or an error that has changed nothing. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fusedAliGStep, NonFiniteError, type HostStepOptions } from '../../lib/index.js';
import { aliGStep } from '../../lib/step/alig-step.js';
import { referenceStep } from '../../lib/engines/reference.js';
import { wasWritten } from '../../lib/rules/report.js';
import { unpackReport } from '../../lib/rules/result.js';
import { smallestLossOf } from '../../lib/rules/rule-step.js';
import { firstDifference } from '../support/engine-comparison.js';
import { arrayIn, bitsOf, homes, mildNumbers, repeated, sizes } from './values.js';

const owner = 'fusedAliGStep';

const tensors = fc.array(
  fc.record({
    size: sizes,
    home: fc.constantFrom(...homes),
    values: fc.array(mildNumbers, { minLength: 3, maxLength: 8 }),
    hasGradient: fc.boolean(),
  }),
  { maxLength: 4 },
);

const settings = fc.record({
  maxLearningRate: fc.constantFrom(null, 0, 0.1, 3e38),
  momentum: fc.constantFrom(0, 0.9),
  epsilon: fc.constantFrom(0, 1e-5),
  lowerBound: fc.constantFrom(0, -1),
  maxNorm: fc.constantFrom(null, 1e-30, 1, 1e30),
  maxGradientValue: fc.constantFrom(null, 0.5),
  adjustedMomentum: fc.boolean(),
});

/** What is wrong with a step's lists, if anything; `change` makes it so. */
const flaws: Readonly<Record<string, (options: HostStepOptions) => Partial<HostStepOptions>>> = {
  none: () => ({}),
  'another length': ({ gradients, parameters }) => ({
    gradients: gradients.map((_, i) => new Float32Array(parameters[i]!.length + 1)),
  }),
  'another class': ({ parameters }) => ({
    parameters: parameters.map((array) => Float64Array.from(array) as unknown as Float32Array),
  }),
  detached: ({ parameters }) => {
    const gone = parameters.map((array) => Float32Array.from([...array, 1]));
    for (const { buffer } of gone) structuredClone(0, { transfer: [buffer] });
    return { parameters, gradients: gone };
  },
  overlap: ({ parameters }) => ({
    parameters: [...parameters, parameters[0]!],
  }),
  'one block seen twice': ({ parameters }) => {
    const block = new SharedArrayBuffer(4 * parameters[0]!.length);
    return {
      parameters: [new Float32Array(block), ...parameters.slice(1)],
      gradients: [new Float32Array(structuredClone(block)), ...parameters.slice(1).map(() => null)],
    };
  },
  'an entry too many': ({ gradients }) => ({ gradients: [...gradients, null] }),
  'no gradient': ({ gradients }) => ({ gradients: gradients.map(() => null) }),
};

export const hostSteps = fc.property(
  tensors,
  settings,
  fc.oneof(mildNumbers, fc.float({ min: 0, max: 10, noNaN: true })),
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(flaws)) },
  ),
  (shapes, given, loss, flaw) => {
    const arrays = (at: number) =>
      shapes.map(({ home, size, values }) =>
        arrayIn(home, repeated(size, [...values.slice(at), ...values])),
      );
    const [parameters, velocities] = [arrays(0), arrays(1)];
    const gradients = arrays(2).map((array, i) => (shapes[i]!.hasGradient ? array : null));
    const lists = { parameters, gradients, velocities };
    const named = shapes.length > 0 && shapes[0]!.size > 0 ? flaw : 'none';
    const options = { ...given, ...lists, loss };
    Object.assign(options, flaws[named]!(options));

    const copies = (list: readonly (Float32Array | null)[]) =>
      list.map((array) => array && array.slice());
    const before = copies([...parameters, ...velocities, ...gradients]);
    const now = () => [...parameters, ...velocities, ...gradients];
    const [own, ownVelocities] = [copies(parameters), copies(velocities)] as Float32Array[][];
    const step = aliGStep(owner, given);
    let expected: ReturnType<typeof unpackReport> | null = null;
    if (named === 'none' && gradients.some((gradient) => gradient !== null)) {
      const state = given.momentum === 0 ? [] : ownVelocities!;
      const result = referenceStep(own!, gradients, state, loss, step);
      expected = unpackReport(result, 'native-cpu', smallestLossOf(step));
    }
    try {
      const report = fusedAliGStep(options);
      assert.deepEqual(report, expected);
    } catch (error) {
      if (error instanceof NonFiniteError) {
        assert.deepEqual(error.report, expected);
      } else {
        assert.ok(error instanceof Error && error.message.startsWith(`${owner}: `), String(error));
        assert.equal(expected, null, error.message);
      }
    }
    if (expected && wasWritten(expected)) {
      assert.equal(firstDifference(parameters, own!), undefined);
      assert.equal(firstDifference(velocities, ownVelocities!), undefined);
    } else {
      for (const [i, array] of now().entries()) {
        if (array) assert.equal(bitsOf(array), bitsOf(before[i]!));
      }
    }
  },
);
