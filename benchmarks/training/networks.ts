import * as tf from '@tensorflow/tfjs-node';
import { classCount, imageSize } from '../../experiments/mnist/data.js';
import { buildNetwork, trainableVariables } from '../../experiments/mnist/network.js';
import { DenseNet } from '../../experiments/networks/dense-net.js';
import type { Network } from '../../experiments/networks/network.js';
import { SentencePairClassifier } from '../../experiments/networks/sentence-pair-classifier.js';
import { WideResNet } from '../../experiments/networks/wide-resnet.js';
import { SeededRandom } from '../../experiments/seeded-random.js';
import type { Architecture, TrainingInput } from './list.js';

/** A network with a batch that is the same at every step; its inputs are random numbers. */
export interface TrainedNetwork {
  readonly variables: readonly tf.Variable[];
  readonly labels: Int32Array;
  /** The scores of the batch, which is made of host arrays. */
  readonly scores: () => tf.Tensor2D;
}

const seed = 1;

function uniforms(length: number, random: SeededRandom): Float32Array {
  return Float32Array.from({ length }, () => random.uniform());
}

function drawLabels(batchSize: number, classes: number, random: SeededRandom): Int32Array {
  return Int32Array.from({ length: batchSize }, () => random.below(classes));
}

function onImages(
  { variables, forward }: Pick<Network<tf.Tensor4D>, 'variables' | 'forward'>,
  shape: readonly [number, number, number, number],
  classes: number,
): TrainedNetwork {
  const random = new SeededRandom(seed);
  const pixels = uniforms(
    shape.reduce((product, length) => product * length, 1),
    random,
  );
  return {
    variables,
    labels: drawLabels(shape[0], classes, random),
    scores: () => forward(tf.tensor4d(pixels, [...shape]), { training: true }),
  };
}

function onSentences(
  sizes: Extract<Architecture, { kind: 'sentence-pairs' }>,
  sideLengths: TrainingInput['lengths'],
): TrainedNetwork {
  const random = new SeededRandom(seed);
  const network = new SentencePairClassifier(sizes, seed);
  const { embedding } = sizes;
  const sides = sideLengths.map((lengths) => {
    const shape: [number, number, number] = [lengths.length, Math.max(...lengths), embedding];
    return { lengths, shape, values: uniforms(shape[0] * shape[1] * shape[2], random) };
  });
  return {
    variables: network.variables,
    labels: drawLabels(sideLengths[0]!.length, sizes.classes, random),
    scores: () => {
      const [premises, hypotheses] = sides.map(({ lengths, shape, values }) => ({
        words: tf.tensor3d(values, shape),
        lengths,
      }));
      return network.forward({ premises: premises!, hypotheses: hypotheses! });
    },
  };
}

export function makeNetwork({ architecture, batchSize, lengths }: TrainingInput): TrainedNetwork {
  switch (architecture.kind) {
    case 'mnist': {
      const model = buildNetwork(seed);
      return onImages(
        {
          variables: trainableVariables(model),
          forward: (images, { training }) => model.apply(images, { training }) as tf.Tensor2D,
        },
        [batchSize, imageSize, imageSize, 1],
        classCount,
      );
    }
    case 'wide-resnet':
    case 'dense-net': {
      const network =
        architecture.kind === 'dense-net'
          ? new DenseNet(architecture, seed)
          : new WideResNet(architecture, seed);
      const { size, classes } = architecture;
      return onImages(
        {
          variables: network.variables,
          forward: (images, mode) => network.forward(images, mode),
        },
        [batchSize, size, size, 3],
        classes,
      );
    }
    case 'sentence-pairs':
      return onSentences(architecture, lengths);
  }
}
