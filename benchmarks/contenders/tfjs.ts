/** Contenders that step over TensorFlow.js tensors, on any of its backends. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { AliG, l2Ball } from '../../lib/index.js';
import { readInputs, type Workload } from '../step/workload.js';
import { timeSteps, type Details, type Runner, type Versions } from '../worker/protocol.js';
import { PlainAliG } from './plain-alig.js';

const require = createRequire(import.meta.url);

/** Registers a backend and makes it the current one. */
const backends = {
  tensorflow: { load: () => import('@tensorflow/tfjs-node'), package: '@tensorflow/tfjs-node' },
  cpu: {
    load: () => import('@tensorflow/tfjs-backend-cpu'),
    package: '@tensorflow/tfjs-backend-cpu',
  },
  wasm: {
    load: () => import('@tensorflow/tfjs-backend-wasm'),
    package: '@tensorflow/tfjs-backend-wasm',
  },
};
type BackendName = keyof typeof backends;

async function setBackend(name: BackendName): Promise<void> {
  await backends[name].load();
  await tf.setBackend(name);
  await tf.ready();
}

function versions(name: BackendName): Versions {
  const manifest = require(`${backends[name].package}/package.json`) as { version: string };
  const { binding } = tf.backend() as unknown as { binding?: { TF_Version: string } };
  return {
    'tfjs-core': tf.version_core,
    [backends[name].package.replace('@tensorflow/', '')]: manifest.version,
    ...(binding && { tensorflow: binding.TF_Version }),
  };
}

/** An optimiser's step over tensors, and what its last one was. */
interface Step {
  readonly step: () => void;
  readonly details?: () => Details;
}

interface Tensors {
  readonly variables: tf.Variable[];
  readonly gradients: tf.Tensor[];
  readonly named: { name: string; tensor: tf.Tensor }[];
  readonly loss: tf.Tensor;
}

/** Of the optimisers that make another step than ALI-G's. */
const adaptiveRate = 1e-3;

type MakeStep = (tensors: Tensors, workload: Workload) => Step;

const byAliG: MakeStep = ({ named, loss }, workload) => {
  const { maxLearningRate, momentum, epsilon, maxNorm } = workload;
  const optimizer = new AliG({
    maxLearningRate,
    momentum,
    epsilon,
    constraint: maxNorm === null ? null : l2Ball(maxNorm),
  });
  return {
    step: () => {
      optimizer.applyGradients(named, { loss });
    },
    details: () => {
      const { engine, projected } = optimizer.lastStep!;
      return { engine, projected };
    },
  };
};

const byPlainOps: MakeStep = ({ variables, gradients, loss }, workload) => {
  const optimizer = new PlainAliG(variables, workload);
  return {
    step: () => {
      optimizer.step(gradients, loss);
    },
  };
};

const byOptimizer =
  (make: (workload: Workload) => tf.Optimizer): MakeStep =>
  ({ named }, workload) => {
    const optimizer = make(workload);
    return {
      step: () => {
        optimizer.applyGradients(named);
      },
    };
  };

/** By the name of a contender. */
const contenders: Readonly<Record<string, { backend: BackendName; make: MakeStep }>> = {
  'alig-tensorflow': { backend: 'tensorflow', make: byAliG },
  'alig-cpu': { backend: 'cpu', make: byAliG },
  'alig-wasm': { backend: 'wasm', make: byAliG },
  'plain-alig': { backend: 'tensorflow', make: byPlainOps },
  // Momentum at a constant rate moves the parameters as ALI-G does at a constant step size.
  momentum: {
    backend: 'tensorflow',
    make: byOptimizer(({ stepSize, momentum }) => tf.train.momentum(stepSize, momentum, true)),
  },
  sgd: { backend: 'tensorflow', make: byOptimizer(({ stepSize }) => tf.train.sgd(stepSize)) },
  adam: { backend: 'tensorflow', make: byOptimizer(() => tf.train.adam(adaptiveRate)) },
  rmsprop: { backend: 'tensorflow', make: byOptimizer(() => tf.train.rmsprop(adaptiveRate)) },
  adagrad: { backend: 'tensorflow', make: byOptimizer(() => tf.train.adagrad(adaptiveRate)) },
};

function* valuesOf(tensors: readonly tf.Tensor[]): Iterable<Float32Array> {
  for (const tensor of tensors) yield tensor.dataSync<'float32'>();
}

export async function prepare(name: string, input: unknown): Promise<Runner> {
  const workload = input as Workload;
  const { backend, make } = contenders[name]!;
  await setBackend(backend);
  const { parameters, gradients } = readInputs(workload);
  const variables = parameters.map((values) => {
    const initial = tf.tensor1d(values);
    const variable = tf.variable(initial);
    initial.dispose();
    return variable;
  });
  const gradientTensors = gradients.map((values) => tf.tensor1d(values));
  const { step, details = () => ({}) } = make(
    {
      variables,
      gradients: gradientTensors,
      named: variables.map(({ name }, i) => ({ name, tensor: gradientTensors[i]! })),
      loss: tf.scalar(workload.loss),
    },
    workload,
  );
  return {
    turn: timeSteps(step),
    parameters: () => valuesOf(variables),
    versions: () => versions(backend),
    details,
    tensors: () => tf.memory().numTensors,
  };
}
