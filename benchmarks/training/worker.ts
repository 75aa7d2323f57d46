/** Training steps of one network by one optimiser: batch, forward and backward pass, step. */
import * as tf from '@tensorflow/tfjs-node';
import { AliG } from '../../lib/index.js';
import { PlainAliG } from '../contenders/plain-alig.js';
import type { Details, Runner, Times } from '../worker/protocol.js';
import type { OptimizerName, TrainingInput } from './list.js';
import { makeNetwork, type Network } from './networks.js';

const maxLearningRate = 0.01;
const momentum = 0.9;

interface Computed {
  readonly value: tf.Scalar;
  readonly grads: tf.NamedTensorMap;
}

/** Makes the step of an optimiser; by name, given what is trained. */
const steps: Readonly<
  Record<OptimizerName, (variables: tf.Variable[]) => (computed: Computed) => void>
> = {
  plain: (variables) => {
    const optimizer = new PlainAliG(variables, {
      maxLearningRate,
      momentum,
      epsilon: 1e-5,
      maxNorm: null,
    });
    return ({ value, grads }) => {
      optimizer.step(
        variables.map(({ name }) => grads[name]!),
        value,
      );
    };
  },
  alig: () => {
    const optimizer = new AliG({ maxLearningRate, momentum });
    return ({ value, grads }) => {
      optimizer.applyGradients(grads, { loss: value });
      const { engine } = optimizer.lastStep!;
      if (engine !== 'tensorflow-cpu') throw new Error(`the step was made by ${engine}`);
    };
  },
  momentum: (variables) => {
    const optimizer = tf.train.momentum(maxLearningRate, momentum, true);
    return ({ grads }) => {
      optimizer.applyGradients(variables.map(({ name }) => ({ name, tensor: grads[name]! })));
    };
  },
};

function lossOf({ examples, shapes, classes, outputs }: Network): () => tf.Scalar {
  return () => {
    const inputs = examples.inputs.map((values, i) => tf.tensor(values, shapes[i]));
    const labels = tf.oneHot(tf.tensor1d(examples.labels, 'int32'), classes);
    return tf.losses.softmaxCrossEntropy(labels, outputs(inputs));
  };
}

export function prepare(_name: string, input: unknown): Promise<Runner> {
  const { network: networkName, optimizer, batchSize, quick } = input as TrainingInput;
  const network = makeNetwork(networkName, batchSize, quick);
  const { variables } = network;
  const makeLoss = lossOf(network);
  const step = steps[optimizer](variables);
  const turn = (count: number): Times => {
    let gradientTime = 0;
    let stepTime = 0;
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const before = performance.now();
      const computed = tf.tidy(() => tf.variableGrads(makeLoss, variables));
      const between = performance.now();
      step(computed);
      tf.dispose(computed.grads);
      stepTime += performance.now() - between;
      gradientTime += between - before;
      // As a training does that shows its progress.
      computed.value.dataSync();
      computed.value.dispose();
    }
    const total = performance.now() - start;
    return { step: total / count, gradients: gradientTime / count, optimizer: stepTime / count };
  };
  const details = (): Details => ({
    tensors: variables.length,
    parameters: variables.reduce((sum, { size }) => sum + size, 0),
  });
  const { binding } = tf.backend() as unknown as { binding: { TF_Version: string } };
  return Promise.resolve({
    turn,
    versions: () => ({
      'tfjs-core': tf.version_core,
      'tfjs-node': tf.version['tfjs-node'],
      tensorflow: binding.TF_Version,
    }),
    details,
  });
}
