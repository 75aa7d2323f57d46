import * as tf from '@tensorflow/tfjs-node';
import { createOptimizer, type HyperParameters, type StepReport } from 'tfjs-alig';

import { chooseExamples, gatherBatch, type Mnist } from './data.js';
import {
  buildNetwork,
  crossEntropy,
  evaluate,
  imageTensor,
  labelTensor,
  trainableVariables,
} from './network.js';
import type { MnistSettings } from './settings.js';

/** A step has been taken. */
export interface StepEvent {
  readonly type: 'step';
  /** Counted from 1 through all epochs. */
  readonly step: number;
  readonly epoch: number;
  /** Mean loss over the examples that this epoch has seen so far. */
  readonly meanLoss: number;
  /** Examples that this epoch has seen so far. */
  readonly examplesSeen: number;
  /** Time since the epoch's start. */
  readonly seconds: number;
  readonly report: StepReport;
}

/** An epoch has ended and the network has been tested. */
export interface EpochEvent {
  readonly type: 'epoch';
  readonly epoch: number;
  readonly trainingLoss: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  /** Time of the training, without the test. */
  readonly seconds: number;
  readonly examplesPerSecond: number;
}

/** What happens in a training run, in order. */
export type TrainingEvent = StepEvent | EpochEvent;

/**
 * The numbers 0 to count - 1 in random order: sorted by random keys, drawn by the seeded generator
 * that tfjs has for its own random tensors.
 */
export function permutation(count: number, seed: string): Uint32Array {
  const keys = tf.tidy(() => tf.randomUniform([count], 0, 1, 'float32', seed).dataSync());
  return Uint32Array.from(keys.keys()).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
}

/**
 * Trains a fresh network and yields what happens. Leaving the loop early is fine: the
 * network and the optimiser are disposed of in any case.
 */
export function* trainOnMnist(settings: MnistSettings, mnist: Mnist): Generator<TrainingEvent> {
  const { seed, batchSize } = settings;
  const network = buildNetwork(seed);
  const variables = trainableVariables(network);
  const chosen = permutation(mnist.training.count, `${seed}/choice`).subarray(0, settings.examples);
  const { name, hyperParameters } = settings.optimizer;
  const { objectiveExamples } = settings;
  const some = chooseExamples(mnist.training, chosen.subarray(0, objectiveExamples ?? 0));
  // Which hyper-parameters are this optimiser's own its constructor checks.
  const optimizer = createOptimizer(name, {
    ...hyperParameters,
    ...(objectiveExamples !== null && { objective: () => evaluate(network, some).loss }),
  } as unknown as HyperParameters[typeof name]);
  let step = 0;
  try {
    for (let epoch = 1; epoch <= settings.epochs; epoch++) {
      const order = permutation(chosen.length, `${seed}/epoch/${epoch}`).map(
        (position) => chosen[position] ?? 0,
      );
      const start = performance.now();
      let lossSum = 0;
      let examplesSeen = 0;
      let seconds = 0;
      while (examplesSeen < order.length) {
        const batch = gatherBatch(
          mnist.training,
          order.subarray(examplesSeen, examplesSeen + batchSize),
        );
        tf.tidy(() => {
          const images = imageTensor(batch);
          const labels = labelTensor(batch);
          optimizer.minimize(
            () => crossEntropy(labels, network.apply(images, { training: true }) as tf.Tensor),
            false,
            variables,
          );
        });
        const report = optimizer.lastStep;
        if (report === null) {
          throw new Error('minimize returned, but the optimiser took no step.');
        }
        step += 1;
        examplesSeen += batch.count;
        lossSum += batch.count * report.loss;
        seconds = (performance.now() - start) / 1000;
        yield {
          type: 'step',
          step,
          epoch,
          meanLoss: lossSum / examplesSeen,
          examplesSeen,
          seconds,
          report,
        };
      }
      const { loss, accuracy } = evaluate(network, mnist.test);
      yield {
        type: 'epoch',
        epoch,
        trainingLoss: lossSum / examplesSeen,
        testLoss: loss,
        testAccuracy: accuracy,
        seconds,
        examplesPerSecond: examplesSeen / seconds,
      };
    }
  } finally {
    optimizer.dispose();
    network.dispose();
  }
}
