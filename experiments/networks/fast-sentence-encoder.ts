/**
 * The sentence encoder for tfjs-node, with a gradient derived by hand. Sentences of all lists go
 * through both directions at once and end where they end; what does not wait for the previous word
 * (the inputs' part of the gates, the gradients of the weights) is one product for all words.
 *
 * Tensors are [direction, word or sentence, ...]; words are packed as PackedSentences says.
 */
import * as tf from '@tensorflow/tfjs-node';

import { PackedSentences } from './packed-sentences.js';
import type { BidirectionalWeights, LstmWeights, Sentences } from './sentences.js';
import { bool, float32, int32, runOp } from './tensorflow-ops.js';

/** What a step's gradient needs; all [2, sentences of the step, units]. */
type Step = readonly [
  input: tf.Tensor3D,
  forget: tf.Tensor3D,
  candidate: tf.Tensor3D,
  output: tf.Tensor3D,
  cell: tf.Tensor3D,
  cellTanh: tf.Tensor3D,
];
const tensorsOfStep = 6;

function multiply(
  left: tf.Tensor3D,
  right: tf.Tensor3D,
  { transposeLeft = false, transposeRight = false } = {},
): tf.Tensor3D {
  const attributes = { T: float32, adj_x: bool(transposeLeft), adj_y: bool(transposeRight) };
  return runOp('BatchMatMulV2', [left, right], attributes)[0] as tf.Tensor3D;
}

/** The derivative of what made `activation`, times `upstream`. */
function sigmoidGradient(activation: tf.Tensor3D, upstream: tf.Tensor3D): tf.Tensor3D {
  return runOp('SigmoidGrad', [activation, upstream], { T: float32 })[0] as tf.Tensor3D;
}

function tanhGradient(activation: tf.Tensor3D, upstream: tf.Tensor3D): tf.Tensor3D {
  return runOp('TanhGrad', [activation, upstream], { T: float32 })[0] as tf.Tensor3D;
}

/** Some rows of each direction. */
function rowsOf(x: tf.Tensor3D, start: number, count: number): tf.Tensor3D {
  const [directions, rows, width] = x.shape;
  return start === 0 && count === rows ? x : x.slice([0, start, 0], [directions, count, width]);
}

/** Adds what comes from the next step, which has fewer sentences or as many. */
function addFromNext(x: tf.Tensor3D, fromNext: tf.Tensor3D | null): tf.Tensor3D {
  if (!fromNext) return x;
  const missing = x.shape[1] - fromNext.shape[1];
  return x.add(
    missing === 0
      ? fromNext
      : fromNext.pad([
          [0, 0],
          [0, missing],
          [0, 0],
        ]),
  );
}

function stepForward(raw: tf.Tensor3D, previousCell: tf.Tensor3D | null) {
  const [rawInput, rawForget, rawCandidate, rawOutput] = tf.split(raw, 4, 2);
  const input = rawInput!.sigmoid();
  const forget = rawForget!.sigmoid();
  const candidate = rawCandidate!.tanh();
  const output = rawOutput!.sigmoid();
  const added = input.mul<tf.Tensor3D>(candidate);
  const cell = previousCell ? forget.mul<tf.Tensor3D>(previousCell).add<tf.Tensor3D>(added) : added;
  const cellTanh = cell.tanh();
  const step = [input, forget, candidate, output, cell, cellTanh] as Step;
  return { step, hidden: output.mul<tf.Tensor3D>(cellTanh) };
}

/** Gradients by the gates before their activations, [2, sentences, 4 units], and by the previous cell. */
function stepBackward(
  [input, forget, candidate, output, , cellTanh]: Step,
  previousCell: tf.Tensor3D | null,
  byHidden: tf.Tensor3D,
  byCellOfNext: tf.Tensor3D | null,
) {
  const byCell = addFromNext(tanhGradient(cellTanh, byHidden.mul(output)), byCellOfNext);
  const byRaw = tf.concat3d(
    [
      sigmoidGradient(input, byCell.mul(candidate)),
      previousCell ? sigmoidGradient(forget, byCell.mul(previousCell)) : tf.zerosLike(forget),
      tanhGradient(candidate, byCell.mul(input)),
      sigmoidGradient(output, byHidden.mul(cellTanh)),
    ],
    2,
  );
  return { byRaw, byPreviousCell: byCell.mul<tf.Tensor3D>(forget) };
}

/** Each word's sentence, for both directions one after the other: [2 words]. */
function ownersOf({ owners, sentences }: PackedSentences): tf.Tensor1D {
  const both = new Int32Array(2 * owners.length);
  both.set(owners);
  for (let i = 0; i < owners.length; i++) both[owners.length + i] = sentences + owners[i]!;
  return tf.tensor1d(both, 'int32');
}

/** Where zeros take part in the maximum: [1, sentences, 1]. */
function paddedTensor({ padded }: PackedSentences): tf.Tensor3D {
  return tf.tensor3d(padded.map(Number), [1, padded.length, 1], 'bool');
}

/** The largest state of each sentence, without the zeros of the padding. */
function largestStates(states: tf.Tensor3D, packed: PackedSentences): tf.Tensor3D {
  const [directions, words, units] = states.shape;
  const [largest] = runOp(
    'UnsortedSegmentMax',
    [
      states.reshape([directions * words, units]),
      ownersOf(packed),
      tf.scalar(directions * packed.sentences, 'int32'),
    ],
    { T: float32, Tindices: int32, Tnumsegments: int32 },
  );
  return largest!.reshape([directions, packed.sentences, units]);
}

/** Gradient by the states, from the one by the maximum. */
function gradientOfLargest(
  states: tf.Tensor3D,
  largest: tf.Tensor3D,
  byMaximum: tf.Tensor3D,
  packed: PackedSentences,
): tf.Tensor3D {
  const [directions, words, units] = states.shape;
  const owners = ownersOf(packed);
  const ofWords = (ofSentences: tf.Tensor) =>
    ofSentences
      .reshape([directions * packed.sentences, units])
      .gather(owners)
      .reshape<tf.Tensor3D>([directions, words, units]);
  const byLargest = tf.where(
    paddedTensor(packed).logicalAnd(largest.less(0)),
    tf.zerosLike(byMaximum),
    byMaximum,
  );
  return tf.where(states.equal(ofWords(largest)), ofWords(byLargest), 0);
}

interface Encoded {
  /** [2, words, embedding], [2, units, 4 units], [2, words, units], [2, sentences, units] */
  readonly inputs: tf.Tensor3D;
  readonly recurrentKernels: tf.Tensor3D;
  readonly states: tf.Tensor3D;
  readonly largest: tf.Tensor3D;
  readonly steps: readonly Step[];
}

function encode(
  packed: PackedSentences,
  lists: readonly Sentences[],
  weights: readonly LstmWeights[],
): Encoded {
  const words = tf.concat2d(
    lists.map((list) => list.words.reshape<tf.Tensor2D>([-1, list.words.shape[2]])),
    0,
  );
  const inputs = tf.stack(
    [packed.forwardRows, packed.backwardRows].map((rows) => words.gather(tf.tensor1d(rows))),
  ) as tf.Tensor3D;
  const kernels = tf.stack(weights.map(({ kernel }) => kernel)) as tf.Tensor3D;
  const recurrentKernels = tf.stack(
    weights.map(({ recurrentKernel }) => recurrentKernel),
  ) as tf.Tensor3D;
  const biases = tf.stack(weights.map(({ bias, recurrentBias }) => bias.add(recurrentBias)));
  const raw = multiply(inputs, kernels).add<tf.Tensor3D>(biases.expandDims(1));
  const steps: Step[] = [];
  const hidden: tf.Tensor3D[] = [];
  for (const [i, count] of packed.counts.entries()) {
    const rawInputs = rowsOf(raw, packed.starts[i]!, count);
    const last = steps.at(-1);
    const result = last
      ? stepForward(
          rawInputs.add(multiply(rowsOf(hidden.at(-1)!, 0, count), recurrentKernels)),
          rowsOf(last[4], 0, count),
        )
      : stepForward(rawInputs, null);
    steps.push(result.step);
    hidden.push(result.hidden);
  }
  const states = tf.concat3d(hidden, 1);
  const largest = largestStates(states, packed);
  return { inputs, recurrentKernels, states, largest, steps };
}

/** Gradients by kernels, recurrent kernels and biases, each [2, ...]. */
function gradients(
  packed: PackedSentences,
  { inputs, recurrentKernels, states, largest, steps }: Encoded,
  byMaximum: tf.Tensor3D,
) {
  const byStates = gradientOfLargest(states, largest, byMaximum, packed);
  const byRaw: tf.Tensor3D[] = [];
  let byHidden: tf.Tensor3D | null = null;
  let byCell: tf.Tensor3D | null = null;
  for (let i = steps.length - 1; i >= 0; i--) {
    const [start, count] = [packed.starts[i]!, packed.counts[i]!];
    const previous = steps[i - 1];
    const result = stepBackward(
      steps[i]!,
      previous ? rowsOf(previous[4], 0, count) : null,
      addFromNext(rowsOf(byStates, start, count), byHidden),
      byCell,
    );
    byRaw[i] = result.byRaw;
    byCell = result.byPreviousCell;
    if (i > 0) byHidden = multiply(result.byRaw, recurrentKernels, { transposeRight: true });
  }
  const byAllRaw = tf.concat3d(byRaw, 1);
  const later = packed.size - packed.sentences;
  const previousStates = states.gather(tf.tensor1d(packed.previous, 'int32'), 1);
  return {
    byKernels: multiply(inputs, byAllRaw, { transposeLeft: true }),
    byRecurrentKernels:
      later === 0
        ? tf.zerosLike(recurrentKernels)
        : multiply(previousStates, rowsOf(byAllRaw, packed.sentences, later), {
            transposeLeft: true,
          }),
    byBiases: byAllRaw.sum(1),
  };
}

/**
 * {@link encodeInOps} of several lists of sentences, one under the other: [sentences of all lists, 2
 * units]. Where several states of a sentence are its largest, each gets the gradient.
 */
export function encodeFast(
  lists: readonly Sentences[],
  { forward, backward }: BidirectionalWeights,
): tf.Tensor2D {
  const packed = new PackedSentences(lists);
  const names = ['kernel', 'recurrentKernel', 'bias', 'recurrentBias'] as const;
  const places = () => tf.tensor1d(packed.places, 'int32');
  const encodeWith = tf.customGrad((...given) => {
    const save = given.pop() as (tensors: tf.Tensor[]) => void;
    const weights = [0, 4].map(
      (first) =>
        Object.fromEntries(
          names.map((name, i) => [name, given[first + i]]),
        ) as unknown as LstmWeights,
    );
    const { inputs, recurrentKernels, states, largest, steps } = encode(packed, lists, weights);
    save([inputs, recurrentKernels, states, largest, ...steps.flat()]);
    const pooled = tf.where(paddedTensor(packed), largest.relu(), largest);
    // [2, sentences by length, units] to [sentences, 2 units].
    const bySentence = pooled.gather(places(), 1).transpose([1, 0, 2]);
    const units = bySentence.shape[2]!;
    return {
      value: bySentence.reshape([packed.sentences, 2 * units]),
      gradFunc: (byValue: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedInputs, savedKernels, savedStates, savedLargest, ...savedSteps] =
          saved as tf.Tensor3D[];
        // Back to the order by length.
        const order = new Int32Array(packed.sentences);
        for (const [sentence, place] of packed.places.entries()) order[place] = sentence;
        const byMaximum = byValue
          .reshape([packed.sentences, 2, units])
          .gather(tf.tensor1d(order, 'int32'))
          .transpose<tf.Tensor3D>([1, 0, 2]);
        const { byKernels, byRecurrentKernels, byBiases } = gradients(
          packed,
          {
            inputs: savedInputs!,
            recurrentKernels: savedKernels!,
            states: savedStates!,
            largest: savedLargest!,
            steps: packed.counts.map(
              (_, i) =>
                savedSteps.slice(tensorsOfStep * i, tensorsOfStep * (i + 1)) as unknown as Step,
            ),
          },
          byMaximum,
        );
        const parts = [byKernels, byRecurrentKernels, byBiases].map((both) => tf.unstack(both));
        return [0, 1].flatMap((direction) => {
          const [byKernel, byRecurrentKernel, byBias] = parts.map((both) => both[direction]!);
          return [byKernel!, byRecurrentKernel!, byBias!, byBias!.clone()];
        });
      },
    };
  });
  const inputs = [forward, backward].flatMap((weights) => names.map((name) => weights[name]));
  return encodeWith(...inputs) as tf.Tensor2D;
}
