/** The recorded full-batch trainings of the published optimisers, repeated on every backend. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { hinge, smoothedHinge, type EngineName } from '../../lib/index.js';
import {
  decode,
  excess,
  hyperParametersOf,
  parameterMagnitudes,
  goldenCases,
  type Trajectory,
} from '../support/golden.js';
import { makeOptimizer } from '../support/golden-replay.js';

const backends: readonly (readonly [string, EngineName])[] = [
  ['tensorflow', 'tensorflow-cpu'],
  ['cpu', 'native-cpu'],
  ['wasm', 'portable'],
];

const trajectories = goldenCases<Trajectory>('trajectory');

/** The recorded losses, each from one-hot rows and scores; their mean over the rows. */
const losses: Readonly<Record<string, (oneHot: tf.Tensor2D, scores: tf.Tensor2D) => tf.Scalar>> = {
  // -log softmax(scores)[label]
  softmaxCrossEntropy: (oneHot, scores) =>
    tf.neg(tf.mean(tf.sum(tf.mul(oneHot, tf.logSoftmax(scores)), 1))),
  hinge: (oneHot, scores) => tf.mean(hinge(oneHot, scores)),
  smoothedHinge: (oneHot, scores) => tf.mean(smoothedHinge(oneHot, scores)),
};

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
      const optimizer = makeOptimizer(trajectory.optimizer, hyperParametersOf(trajectory));
      const loss = () => losses[problem.loss]!(oneHot, scoresOf(problem.model, inputs, variables));
      const scales = parameterMagnitudes(trajectory);
      const lossScale = Math.max(...steps.map((step) => step.loss));
      const stepScale = Math.max(...steps.map((step) => step.stepSize ?? 0));
      const stepTolerance = {
        absolute: tolerance.absolute,
        relative: tolerance.relativeStepSize ?? NaN,
      };
      for (const [index, expected] of steps.entries()) {
        const cost = optimizer.minimize(loss, true, variables)!;
        const report = optimizer.lastStep!;
        t.is(report.engine, engine);
        const computed = cost.dataSync()[0]!;
        cost.dispose();
        const lossOver = excess([computed], [expected.loss], lossScale, tolerance);
        t.true(lossOver <= 0, `loss of step ${index}: ${computed}, recorded ${expected.loss}`);
        if (expected.stepSize !== undefined) {
          const { stepSize } = report;
          const stepOver = excess([stepSize], [expected.stepSize], stepScale, stepTolerance);
          t.true(stepOver <= 0, `step size ${index}: ${stepSize}, recorded ${expected.stepSize}`);
        }
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
