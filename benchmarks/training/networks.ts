import * as tf from '@tensorflow/tfjs-node';
import { classCount, imageSize } from '../../experiments/mnist/data.js';
import { buildNetwork, trainableVariables } from '../../experiments/mnist/network.js';
import { buildSentencePairClassifier } from './bilstm.js';
import type { NetworkName } from './list.js';
import { buildWideResNet } from './wide-resnet.js';

/** A network and what a training step needs beside it. */
export interface Network {
  readonly variables: tf.Variable[];
  /** A batch on the host, the same at every call; its inputs are random numbers. */
  readonly examples: { readonly inputs: Float32Array[]; readonly labels: Int32Array };
  /** Shapes of the inputs, the batch first. */
  readonly shapes: number[][];
  readonly classes: number;
  readonly outputs: (inputs: tf.Tensor[]) => tf.Tensor2D;
}

function withExamples(
  model: tf.LayersModel,
  batchSize: number,
  shapes: readonly number[][],
  classes: number,
): Network {
  const seeded = (shape: number[], seed: number) =>
    tf.tidy(() => tf.randomUniform(shape, 0, 1, 'float32', seed).dataSync<'float32'>().slice());
  return {
    variables: trainableVariables(model),
    shapes: shapes.map((shape) => [batchSize, ...shape]),
    classes,
    examples: {
      inputs: shapes.map((shape, i) => seeded([batchSize, ...shape], i + 1)),
      labels: Int32Array.from(seeded([batchSize], 9), (value) => Math.floor(value * classes)),
    },
    outputs: (inputs) =>
      model.apply(inputs.length === 1 ? inputs[0]! : inputs, { training: true }) as tf.Tensor2D,
  };
}

/** Builders by name; `quick` ones are as small as they can be. */
const builders: Readonly<Record<NetworkName, (batchSize: number, quick: boolean) => Network>> = {
  mnist: (batchSize) =>
    withExamples(buildNetwork(1), batchSize, [[imageSize, imageSize, 1]], classCount),
  'wrn-16-4': (batchSize, quick) => {
    const size = quick ? 8 : 32;
    const model = buildWideResNet({ size, depth: quick ? 10 : 16, width: quick ? 1 : 4 });
    return withExamples(model, batchSize, [[size, size, 3]], 10);
  },
  bilstm: (batchSize, quick) => {
    // tfjs keeps each time step's gradient of the weights until all are there: with 8 words a process
    // holds 5.6 GB, and three of them run side by side.
    const words = quick ? 3 : 8;
    const embedding = quick ? 4 : 300;
    const model = buildSentencePairClassifier({
      words,
      embedding,
      units: quick ? 8 : 2048,
      hidden: quick ? 8 : 512,
    });
    return withExamples(
      model,
      batchSize,
      [
        [words, embedding],
        [words, embedding],
      ],
      3,
    );
  },
};

export function makeNetwork(name: NetworkName, batchSize: number, quick: boolean): Network {
  return builders[name](batchSize, quick);
}
