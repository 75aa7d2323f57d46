/** The add-on's own checks: whatever JavaScript does meanwhile, no address outlives its array. */
import test from 'ava';
import { addonState, type PreparedStep } from '../../lib/platform/addon.js';
import { noShards } from '../../lib/engines/exchange-words.js';
import { CHUNK_SIZE } from '../../lib/engines/sums.js';
import { aliGStep } from '../../lib/step/alig-step.js';
import { RESULT_WORDS } from '../../lib/rules/result.js';
import { packGroups, packStep } from '../../lib/rules/rule-step.js';
import { resizableBuffer, type ResizableBuffer } from '../support/resizable-buffer.js';

const state = addonState();
if (!state.addon) throw new Error(state.report);
const { addon } = state;

const size = 4096;
const momentum = {
  maxLearningRate: 0.1,
  momentum: 0.9,
  epsilon: 0,
  lowerBound: 0,
  adjustedMomentum: false,
  maxNorm: null,
};

/** An array that can be resized to nothing or given away. */
function resizable(): Float32Array {
  return new Float32Array(resizableBuffer(4 * size), 0, size).fill(1);
}

const ways: Readonly<Record<string, (array: Float32Array) => void>> = {
  shrinks: ({ buffer }) => {
    (buffer as ResizableBuffer).resize(0);
  },
  transfers: ({ buffer }) => {
    structuredClone(0, { transfer: [buffer as ArrayBuffer] });
  },
};

type Lists = [Float32Array[], Float32Array[], Float32Array[]];

function step([parameters, gradients, states]: Lists): void {
  const ruleStep = aliGStep('test', momentum);
  const [groups, words] = [packGroups(ruleStep), packStep(ruleStep)];
  const prepared = addon.prepareStep(parameters, gradients, states, groups, words, noShards, false);
  addon.step(prepared as PreparedStep, 1, new Int32Array(RESULT_WORDS));
}

for (const [way, free] of Object.entries(ways)) {
  for (const victim of [0, 1, 2]) {
    for (const list of [0, 1, 2]) {
      test(`an accessor of list ${list} that ${way} an array of list ${victim}`, (t) => {
        const lists: Lists = [
          [resizable(), resizable()],
          [resizable(), resizable()],
          [resizable(), resizable()],
        ];
        const arrays = lists.flat();
        const [first, last] = [lists[victim]![0]!, lists[list]![1]!];
        Object.defineProperty(lists[list], 1, {
          get() {
            free(first);
            return last;
          },
        });
        t.throws(
          () => {
            step(lists);
          },
          { message: /has \d+ elements instead of \d+/ },
        );
        t.is(first.length, 0);
        for (const array of arrays) {
          // A detached array cannot be asked.
          if (array !== first) t.true(array.every((value) => value === 1));
        }
      });
    }
  }
}

test('lists that are none, that are too short and that throw', (t) => {
  const lists = (): Lists => [[resizable()], [resizable()], [resizable()]];
  const rows: [unknown, number, RegExp][] = [
    [new Proxy([resizable()], {}), 0, /parameters must be an array/],
    [{ length: 1, 0: resizable() }, 1, /gradients must be an array/],
    [[], 1, /gradients has too few entries/],
    [[], 2, /states has too few entries/],
    [[null], 0, /a parameter must be Float32Array/],
    [[new Float64Array(size)], 2, /a state must be Float32Array/],
  ];
  for (const [wrong, place, message] of rows) {
    const given = lists();
    given[place] = wrong as Float32Array[];
    t.throws(
      () => {
        step(given);
      },
      { message },
    );
  }
  const given = lists();
  Object.defineProperty(given[1], 0, {
    get() {
      throw new RangeError('of the accessor');
    },
  });
  t.throws(
    () => {
      step(given);
    },
    { instanceOf: RangeError, message: 'of the accessor' },
  );
});

test('memory that is seen through two buffers overlaps', (t) => {
  const shared = new SharedArrayBuffer(64);
  const again = structuredClone(shared);
  t.not(again, shared);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3, shared: true });
  const before = memory.buffer;
  memory.grow(1);
  t.not(memory.buffer, before);
  const plain = new Float32Array(8);
  const rows: [Float32Array[], [number, number] | null][] = [
    [
      [new Float32Array(shared), new Float32Array(again)],
      [0, 1],
    ],
    [
      [plain, new Float32Array(shared, 0, 5), new Float32Array(again, 16, 2)],
      [1, 2],
    ],
    [[new Float32Array(shared, 0, 4), new Float32Array(again, 16, 4)], null],
    [
      [new Float32Array(before, 4, 2), plain, new Float32Array(memory.buffer, 8, 2)],
      [0, 2],
    ],
    [[new Float32Array(shared, 8, 0), new Float32Array(again)], null],
    [[plain.subarray(0, 4), plain.subarray(4), new Float32Array(8)], null],
    [
      [plain, new Float32Array(8), plain],
      [0, 2],
    ],
    [[], null],
  ];
  const ruleStep = aliGStep('test', {});
  for (const [arrays, expected] of rows) {
    const gradients = arrays.map(() => null);
    const found = addon.prepareStep(
      ...([
        arrays,
        gradients,
        [],
        packGroups(ruleStep),
        packStep(ruleStep),
        noShards,
        true,
      ] as const),
    );
    if (expected) t.deepEqual(found, expected);
    else t.false(Array.isArray(found));
  }
});

test('the shards of all ranks are whole chunks, and each element is in one', (t) => {
  for (const size of [0, 1, 16_384, 16_385, 40_000, 16_384 * 7, 1_000_000]) {
    for (const ranks of [1, 2, 3, 5, 64]) {
      for (const first of [0, 1, ranks - 1]) {
        let next = 0;
        const sizes: number[] = [];
        for (let turn = 0; turn < ranks; turn++) {
          const [begin, end] = addon.mpiShard(size, first, (first + turn) % ranks, ranks);
          t.is(begin, next);
          if (end < size) t.is(end % CHUNK_SIZE, 0);
          sizes.push(Math.ceil((end - begin) / CHUNK_SIZE));
          next = end;
        }
        t.is(next, size);
        t.true(Math.max(...sizes) - Math.min(...sizes) <= 1);
        t.is(sizes[0], Math.max(...sizes));
      }
    }
  }
});

test('shards that do not fit a step are refused', (t) => {
  const ruleStep = aliGStep('test', momentum);
  const [groups, words] = [packGroups(ruleStep), packStep(ruleStep)];
  const arrays = [new Float32Array(40_000)];
  const messageOf = (state: number, shards: readonly number[]) =>
    t.throws(() => {
      const states = [new Float32Array(state)];
      const shardWords = Int32Array.from(shards);
      addon.prepareStep(...([arrays, arrays, states, groups, words, shardWords, false] as const));
    }).message;
  const terms = [2, 0, 0, 0];
  t.regex(messageOf(40_000, [2, 0]), /the terms of an exchange have 2 words/);
  t.regex(messageOf(40_000, [...terms, 0]), /the shards of 1 tensors have 5 words/);
  // The rank has the first two of three chunks.
  t.regex(messageOf(40_000, [...terms, 0, 0]), /a state has 40000 elements instead of 32768/);
});
