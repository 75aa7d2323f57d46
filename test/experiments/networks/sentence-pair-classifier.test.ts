/** The classifier of sentence pairs against what the published code computed, and its two forms. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import { crossEntropy, hinge, smoothedHinge } from 'tfjs-alig';
import { encodeFast } from '../../../experiments/networks/fast-sentence-encoder.js';
import {
  bidirectionalStates,
  encodeInOps,
} from '../../../experiments/networks/sentence-encoder.js';
import { SentencePairClassifier } from '../../../experiments/networks/sentence-pair-classifier.js';
import type { BidirectionalWeights, Sentences } from '../../../experiments/networks/sentences.js';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { type BackendName, backendNames, useBackend } from '../../support/backends.js';
import {
  decodeRecorded,
  type GoldenNetwork,
  goldenNetworks,
  readGoldenModel,
} from '../../support/golden-models.js';
import { tensorCount } from '../../support/tensor-count.js';
import {
  assertWithin,
  expectedNames,
  loadRecorded,
  publishedLayout,
  publishedShape,
  tensorOf,
} from './network-cases.js';

function sentencesOf({ inputs }: GoldenNetwork, side: 1 | 2): Sentences {
  return {
    words: tensorOf(inputs[`s${side}`]!).transpose<tf.Tensor3D>([1, 0, 2]),
    lengths: decodeRecorded(inputs[`len${side}`]!),
  };
}

/** The encoder's weights among the network's variables. */
function encoderWeights(variables: readonly tf.Tensor[]): BidirectionalWeights {
  const direction = (first: number) => ({
    kernel: variables[first]!,
    recurrentKernel: variables[first + 1]!,
    bias: variables[first + 2]!,
    recurrentBias: variables[first + 3]!,
  });
  return { forward: direction(0), backward: direction(4) };
}

const losses = { ce: crossEntropy, hinge, smooth_hinge: smoothedHinge };

/** What must not come out. */
const wrongAnswers = /_if_padding_were_excluded$/;

for (const model of goldenNetworks('snli')) {
  for (const backend of backendNames.filter((name) => name !== 'wasm')) {
    test.serial(`${model.id} is as recorded (${backend})`, async (t) => {
      await useBackend(backend);
      const before = tensorCount();
      const { hidden: units, emb: embedding, fc_dim: hidden } = model.config;
      const network = new SentencePairClassifier(
        { embedding: embedding!, units: units!, hidden: hidden!, classes: 3 },
        1,
      );
      loadRecorded(network, model);
      const seen: string[] = [];
      const check = (name: string, computed: tf.Tensor | number) => {
        assertWithin(t, model, name, computed);
        seen.push(name);
      };
      tf.tidy(() => {
        const pairs = { premises: sentencesOf(model, 1), hypotheses: sentencesOf(model, 2) };
        const labels = tensorOf(model.inputs['y']!);
        const weights = encoderWeights(network.variables);
        const { premises, hypotheses } = pairs;
        check('steps1', bidirectionalStates(premises, weights).transpose([1, 0, 2]));
        check('steps2', bidirectionalStates(hypotheses, weights).transpose([1, 0, 2]));
        const [u, v] = network.encode(pairs);
        check('u', u);
        check('v', v);
        check('logits', network.forward(pairs));
        for (const [key, loss] of Object.entries(losses)) {
          const { value, grads } = tf.variableGrads(
            () => loss(labels, network.forward(pairs)).mean(),
            [...network.variables],
          );
          check(`loss:${key}`, value);
          if (key === 'smooth_hinge') continue;
          let squares = 0;
          for (const [i, name] of Object.keys(model.params).entries()) {
            const gradient = publishedLayout(grads[network.variables[i]!.name]!);
            check(`grad:${key}:${name}`, gradient);
            for (const each of gradient.dataSync()) squares += each * each;
          }
          check(`grad_sq_norm:${key}`, squares);
        }
      });
      t.deepEqual(
        seen.sort(),
        expectedNames(model).filter((name) => !wrongAnswers.test(name)),
      );
      network.dispose();
      t.is(tensorCount(), before);
    });
  }
}

test.serial('the published size has 47,155,715 parameters, in the published order', async (t) => {
  await useBackend('tensorflow');
  const { models } = readGoldenModel('param-counts') as unknown as {
    models: {
      id: string;
      n_params: number;
      parameters: [string, number[]][];
    }[];
  };
  const published = models.find(({ id }) => id.startsWith('snli'))!;
  const sizes = { embedding: 300, units: 2048, hidden: 512, classes: 3 };
  const network = new SentencePairClassifier(sizes, 1);
  t.is(published.n_params, 47_155_715);
  t.is(
    network.variables.reduce((sum, { size }) => sum + size, 0),
    published.n_params,
  );
  t.deepEqual(
    network.variables.map(publishedShape),
    published.parameters.map(([, shape]) => shape),
  );
  network.dispose();
});

function randomSentences(lengths: number[], embedding: number, seed: number): Sentences {
  const most = Math.max(...lengths) + 1;
  const values = new SeededRandom(seed).normals(lengths.length * most * embedding);
  // What follows a sentence is not zero here: nobody may read it.
  return { words: tf.tensor3d(values, [lengths.length, most, embedding]), lengths };
}

/** Embeddings and gradients of their product with some numbers. */
function differentiate(
  encode: (weights: BidirectionalWeights) => tf.Tensor2D,
  weights: tf.Tensor[],
  factors: tf.Tensor,
): Float32Array[] {
  const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
    encode(encoderWeights(given)).mul(factors).sum(),
  )(weights);
  const encoded = encode(encoderWeights(weights));
  return [encoded, value, ...grads].map((tensor) => tensor.dataSync<'float32'>());
}

const lists: readonly { title: string; lengths: number[][] }[] = [
  {
    title: 'different lengths',
    lengths: [
      [3, 1, 6, 2],
      [4, 4, 1],
    ],
  },
  {
    title: 'equal lengths',
    lengths: [
      [3, 3],
      [5, 5],
    ],
  },
  { title: 'single words', lengths: [[1, 1], [1]] },
  { title: 'one sentence', lengths: [[4]] },
];

for (const { title, lengths } of lists) {
  test.serial(`fast and readable encoder agree: ${title}`, async (t) => {
    await useBackend('tensorflow');
    const before = tensorCount();
    tf.tidy(() => {
      const [embedding, units] = [5, 7];
      const random = new SeededRandom(3);
      const weights = [0, 1].flatMap(() =>
        [[embedding, 4 * units], [units, 4 * units], [4 * units], [4 * units]].map((shape) =>
          tf.tensor(random.normals(shape.reduce((a, b) => a * b, 1)), shape),
        ),
      );
      const given = lengths.map((each, i) => randomSentences(each, embedding, i));
      const count = lengths.flat().length;
      const factors = tf.tensor(random.normals(count * 2 * units), [count, 2 * units]);
      const fast = differentiate((w) => encodeFast(given, w), weights, factors);
      const readable = differentiate(
        (w) =>
          tf.concat2d(
            given.map((each) => encodeInOps(each, w)),
            0,
          ),
        weights,
        factors,
      );
      for (const [i, expected] of readable.entries()) {
        const largest = Math.max(...expected.map(Math.abs));
        const worst = Math.max(...expected.map((value, j) => Math.abs(value - fast[i]![j]!)));
        t.true(worst <= 1e-5 * Math.max(largest, 1e-3), `array ${i}: ${worst} of ${largest}`);
      }
    });
    t.is(tensorCount(), before);
  });
}

test.serial('lengths that do not fit are refused', async (t) => {
  await useBackend('tensorflow' satisfies BackendName);
  const network = new SentencePairClassifier({ embedding: 2, units: 2, hidden: 2, classes: 3 }, 1);
  const before = tensorCount();
  const words = tf.zeros<tf.Rank.R3>([2, 3, 2]);
  const good: Sentences = { words, lengths: [1, 3] };
  const rows: [Sentences, Sentences, RegExp][] = [
    [{ words, lengths: [1] }, good, /premises\.lengths has 1 numbers; .* has 2 sentences/],
    [good, { words, lengths: [0, 1] }, /hypotheses\.lengths has 0; .* from 1 to 3/],
    [good, { words, lengths: [1, 4] }, /hypotheses\.lengths has 4; .* from 1 to 3/],
    [{ words: words.slice(0, 1), lengths: [1] }, good, /1 premises and 2 hypotheses/],
  ];
  for (const [premises, hypotheses, message] of rows) {
    t.throws(() => network.forward({ premises, hypotheses }), { instanceOf: RangeError, message });
  }
  rows[3]![0].words.dispose();
  words.dispose();
  t.is(tensorCount(), before);
  network.dispose();
});
