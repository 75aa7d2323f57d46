/** The recorded full-batch trainings of the published ALI-G, repeated on every backend. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { createOptimizer, type EngineName } from '../lib/index.js';
import {
  decode,
  excess,
  goldenCases,
  hyperParametersOf,
  parameterMagnitudes,
  type Trajectory,
} from './support/golden.js';

const backends: readonly (readonly [string, EngineName])[] = [
  ['tensorflow', 'tensorflow-cpu'],
  ['cpu', 'native-cpu'],
  ['wasm', 'portable'],
];

const trajectories = goldenCases<Trajectory>('trajectory');

test('all trajectories of ALI-G are here', (t) => {
  t.is(trajectories.length, 4);
});

/** Mean over the rows of -log softmax(scores)[label], the recorded loss. */
function softmaxCrossEntropy(scores: tf.Tensor2D, oneHot: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(oneHot, tf.logSoftmax(scores)), 1)));
}

function scoresOf(
  model: Trajectory['problem']['model'],
  inputs: tf.Tensor2D,
  variables: readonly tf.Variable[],
): tf.Tensor2D {
  const layer = (values: tf.Tensor, at: number) =>
    tf.add(tf.matMul(values as tf.Tensor2D, variables[at] as tf.Tensor2D), variables[at + 1]!);
  return (
    model === 'linear' ? layer(inputs, 0) : layer(tf.tanh(layer(inputs, 0)), 2)
  ) as tf.Tensor2D;
}

for (const trajectory of trajectories) {
  for (const [backend, engine] of backends) {
    test.serial(`${trajectory.id} on ${engine}, backend ${backend}`, async (t) => {
      await tf.setBackend(backend);
      const tensorsBefore = tf.memory().numTensors;
      const { problem, tolerance, steps } = trajectory;
      t.is(problem.loss, 'softmaxCrossEntropy');
      const inputs = tf.tensor2d(decode(problem.inputs.values), problem.inputs.shape);
      const labels = tf.tensor1d([...problem.labels], 'int32');
      // The wasm backend's oneHot makes integers whatever dtype it is asked for.
      const oneHot = tf.tidy(() =>
        tf.cast(tf.oneHot(labels, problem.classes), 'float32'),
      ) as tf.Tensor2D;
      const variables = trajectory.parameters.map(({ name, shape, initial }) =>
        tf.tidy(() =>
          tf.variable(tf.tensor(decode(initial), shape), true, `${trajectory.id}/${name}`),
        ),
      );
      const optimizer = createOptimizer('alig', hyperParametersOf(trajectory));
      const loss = () => softmaxCrossEntropy(scoresOf(problem.model, inputs, variables), oneHot);
      const scales = parameterMagnitudes(trajectory);
      const lossScale = Math.max(...steps.map((step) => step.loss));
      const stepScale = Math.max(...steps.map((step) => step.stepSize));
      const stepTolerance = { absolute: tolerance.absolute, relative: tolerance.relativeStepSize! };
      for (const [index, expected] of steps.entries()) {
        optimizer.minimize(loss, false, variables);
        const report = optimizer.lastStep!;
        t.is(report.engine, engine);
        const lossOver = excess([report.loss], [expected.loss], lossScale, tolerance);
        t.true(lossOver <= 0, `loss of step ${index}: ${report.loss}, recorded ${expected.loss}`);
        const stepOver = excess([report.stepSize], [expected.stepSize], stepScale, stepTolerance);
        t.true(
          stepOver <= 0,
          `step size ${index}: ${report.stepSize}, recorded ${expected.stepSize}`,
        );
        const checkpoint = trajectory.checkpoints.find(({ afterStep }) => afterStep === index + 1);
        checkpoint?.parameters.forEach((recorded, i) => {
          const values = variables[i]!.dataSync();
          const over = excess(values, decode(recorded), scales[i]!, tolerance);
          t.true(over <= 0, `${variables[i]!.name} after step ${index + 1}: ${over} over`);
        });
      }
      const finalLoss = tf.tidy(() => loss().dataSync()[0]!);
      t.true(excess([finalLoss], [trajectory.finalLoss], lossScale, tolerance) <= 0);
      optimizer.dispose();
      tf.dispose([inputs, labels, oneHot, ...variables]);
      t.is(tf.memory().numTensors, tensorsBefore);
    });
  }
}
