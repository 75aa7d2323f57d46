/** Options of any value: an optimiser that can be saved and loaded, or an error that names its owner. */
import assert from 'node:assert/strict';
import { memory, serialization } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import * as library from '../../lib/index.js';
import { anything } from './values.js';

const { AliG, Sgd, Adam, AmsGrad, AdamW, Yogi, AdaGrad, RmsProp, Dfw, L4Adam, L4Mom } = library;
const { BPGrad, Aprox, Sps, Momo, MomoAdam, Polyak, ObermanPrazeres } = library;

interface Made {
  getConfig(): serialization.ConfigDict;
  dispose(): void;
}

interface OptimizerClass {
  readonly name: string;
  new (options: unknown): Made;
  fromConfig(Class: OptimizerClass, config: serialization.ConfigDict): Made;
}

export const classes = [
  ...[AliG, Sgd, Adam, AmsGrad, AdamW, Yogi, AdaGrad, RmsProp, Dfw, L4Adam, L4Mom],
  ...[BPGrad, Aprox, Sps, Momo, MomoAdam, Polyak, ObermanPrazeres],
] as unknown as readonly OptimizerClass[];

const names = [
  ...['maxLearningRate', 'learningRate', 'momentum', 'epsilon', 'lowerBound', 'adjustedMomentum'],
  ...['weightDecay', 'beta1', 'beta2', 'amsgrad', 'nesterov', 'dampening', 'maxGradientNorm'],
  ...['maxGradientValue', 'normScope'],
  ...['constraint', 'groups', 'onNonFinite', 'maxSkippedSteps', 'objective', 'optimalValue'],
  ...['variant', 'maxStepSize', 'gamma', 'batchesPerEpoch', 'fraction', 'biasCorrection', 'lr'],
];

function made(Class: OptimizerClass, make: () => Made): Made | null {
  try {
    return make();
  } catch (error) {
    assert.ok(
      error instanceof TypeError || error instanceof RangeError,
      `${Class.name}: ${String(error)}`,
    );
    // Constraints name themselves.
    assert.match(error.message, new RegExp(`^(${Class.name}|l2Ball|box)\\b`));
    return null;
  }
}

export const options = fc.property(
  fc.constantFrom(...classes),
  fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 3 }),
  fc.oneof({ weight: 1, arbitrary: anything }, { weight: 9, arbitrary: fc.constant({}) }),
  (Class, some, whole) => {
    const before = memory().numTensors;
    const given =
      typeof whole === 'object' && whole !== null && Object.keys(whole).length === 0
        ? {
            ...('maxLearningRate' in some || Class !== classes[0] ? {} : { maxLearningRate: 0.1 }),
            ...some,
          }
        : whole;
    const optimizer = made(Class, () => new Class(given));
    if (optimizer) {
      const config = JSON.parse(JSON.stringify(optimizer.getConfig())) as serialization.ConfigDict;
      const loaded = Class.fromConfig(Class, config);
      assert.deepEqual(JSON.parse(JSON.stringify(loaded.getConfig())), config);
      loaded.dispose();
      optimizer.dispose();
    }
    assert.equal(memory().numTensors, before);
  },
);

/** A value of JSON with one place of it replaced. */
function damaged(value: unknown, place: number, by: unknown): unknown {
  let left = place;
  const visit = (inner: unknown): unknown => {
    if (left-- === 0) return by;
    if (Array.isArray(inner)) return inner.map(visit);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, each]) => [name, visit(each)]));
  };
  return visit(value);
}

export const savedConfigurations = fc.property(
  fc.integer({ min: 1, max: 80 }),
  anything,
  (place, by) => {
    const optimizer = new AliG({
      maxLearningRate: 0.1,
      constraint: library.box(-1, 1),
      groups: [
        { variables: ['a/bias', /kernel$/i], maxLearningRate: 0.01 },
        { variables: ['b'], maxLearningRate: null },
      ],
    });
    const config = damaged(optimizer.getConfig(), place, by) as serialization.ConfigDict;
    const [Class] = classes;
    made(Class!, () => Class!.fromConfig(Class!, config))?.dispose();
    optimizer.dispose();
  },
);
