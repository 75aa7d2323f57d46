/** Training steps of one network by one optimiser: batch, forward and backward pass, step. */
import * as tf from '@tensorflow/tfjs-node';
import { AliG, crossEntropy } from 'tfjs-alig';
import { PlainAliG } from '../contenders/plain-alig.js';
import type { Details, Runner, Times } from '../worker/protocol.js';
import type { OptimizerName, TrainingInput } from './list.js';
import { makeNetwork } from './networks.js';

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

export function prepare(name: string, input: unknown): Promise<Runner> {
  const { variables, labels, scores } = makeNetwork(input as TrainingInput);
  const list = [...variables];
  const step = steps[name as OptimizerName](list);
  const makeLoss = (): tf.Scalar =>
    crossEntropy(tf.tensor1d(labels, 'int32'), scores()).mean<tf.Scalar>();
  const turn = (count: number): Times => {
    let gradientTime = 0;
    let stepTime = 0;
    const start = performance.now();
    const usedBefore = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const before = performance.now();
      const computed = tf.tidy(() => tf.variableGrads(makeLoss, list));
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
    const { user, system } = process.cpuUsage(usedBefore);
    return {
      step: total / count,
      processors: (user + system) / 1000 / count,
      gradients: gradientTime / count,
      optimizer: stepTime / count,
    };
  };
  const details = (): Details => ({
    tensors: list.length,
    parameters: list.reduce((sum, { size }) => sum + size, 0),
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
