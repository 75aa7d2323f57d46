/** Bad options of an optimiser have their own errors each, after which nothing is changed. */
import test from 'ava';
import { AliG, createOptimizer, l2Ball } from '../../lib/index.js';
import { useBackend } from '../support/backends.js';
import {
  assertThrows,
  maxNormOutOfRange,
  misspelt,
  rowsOfValues,
  valuesOutOfRange,
  type ExpectedError,
} from '../support/bad-input.js';
import { tensorCount } from '../support/tensor-count.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

function newAliG(options: unknown): AliG {
  return new AliG(options as never);
}

test.serial('AliG: constructor arguments', (t) => {
  const before = tensorCount();
  const rows: (ExpectedError & { title: string; options: unknown })[] = [
    { title: 'nothing', options: undefined, error: TypeError, message: /AliG takes an object/ },
    { title: 'a number', options: 0.1, error: TypeError, message: /an object of options, not 0.1/ },
    {
      title: 'no rate',
      options: {},
      error: TypeError,
      message: /maxLearningRate is missing.*null/,
    },
    ...misspelt.map(({ wrong, right }) => ({
      title: wrong,
      options: { maxLearningRate: 0.1, [wrong]: 0.1 },
      error: TypeError,
      message: new RegExp(`AliG has no option '${wrong}'; did you mean '${right}'\\?`),
    })),
    {
      title: 'maxNorm, which is the constraint here',
      options: { maxLearningRate: 0.1, maxNorm: 5 },
      error: TypeError,
      message: /no option 'maxNorm'; did you mean 'constraint'\?/,
    },
    {
      title: 'a name like none',
      options: { maxLearningRate: 0.1, batchSize: 5 },
      error: TypeError,
      message: /no option 'batchSize'; its options are maxLearningRate, momentum/,
    },
    ...rowsOfValues('AliG', valuesOutOfRange).map((row) => ({
      ...row,
      options: { maxLearningRate: 0.1, ...row.options },
    })),
    ...[5, 'l2Ball', {}, Object.create(null), [l2Ball(1)]].map((constraint: unknown) => ({
      title: `constraint ${typeof constraint}`,
      options: { maxLearningRate: 0.1, constraint },
      error: TypeError,
      message: /constraint must be l2Ball\(radius\), box\(lower, upper\), .*, or null, not/,
    })),
    {
      title: 'a ball without radius',
      options: { maxLearningRate: 0.1, constraint: { className: 'L2Ball', config: {} } },
      error: RangeError,
      message: /l2Ball: radius must be a positive number, not undefined/,
    },
  ];
  for (const row of rows) assertThrows(t, () => newAliG(row.options), row, row.title);
  for (const radius of [0, -1, NaN, Infinity, 1e39, null, undefined, '5']) {
    assertThrows(
      t,
      () => l2Ball(radius as never),
      { error: RangeError, message: /^l2Ball: radius must be a positive number, not / },
      String(radius),
    );
  }
  t.is(tensorCount(), before);
});

test.serial('createOptimizer: names and hyper-parameters', (t) => {
  const make = (name: string, options: unknown) => createOptimizer(name as never, options as never);
  const owner = "createOptimizer('alig')";
  assertThrows(
    t,
    () => make('toString', {}),
    { error: RangeError, message: /name must be one of alig, .*, not 'toString'/ },
    'unknown name',
  );
  for (const row of [
    { title: 'nothing', options: undefined, error: TypeError, message: /takes an object/ },
    {
      title: 'lowerClip',
      options: { maxLearningRate: 1, lowerClip: true },
      error: TypeError,
      message: /has no option 'lowerClip'/,
    },
    ...rowsOfValues(owner, [maxNormOutOfRange]).map((each) => ({
      ...each,
      options: { maxLearningRate: 1, ...each.options },
    })),
  ]) {
    assertThrows(t, () => make('alig', row.options), row, row.title);
  }
});
