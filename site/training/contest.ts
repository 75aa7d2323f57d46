/** Three optimisers that train the same network on the same mini-batches of digits, side by side. */
import * as tf from '@tensorflow/tfjs-core';
import { Adam, AliG, crossEntropy, NonFiniteError, Sgd } from 'tfjs-alig';
import type { Digits } from './page-data.js';

/** The titles of the contestants, in their order. */
export const contestants = ['ALI-G', 'SGD', 'Adam'] as const;

const batchSize = 32;
const hiddenUnits = 64;
const pixels = 784;
const classes = 10;

type Optimizer = AliG | Sgd | Adam;

/** A contestant's last step. */
export interface StepShown {
  readonly loss: number;
  readonly stepSize: number;
}

function optimizerOf(title: (typeof contestants)[number], learningRate: number): Optimizer {
  if (title === 'ALI-G') return new AliG({ maxLearningRate: learningRate, momentum: 0.9 });
  if (title === 'Adam') return new Adam({ learningRate });
  return new Sgd({ learningRate, momentum: 0.9, nesterov: true });
}

/** A network with one hidden layer, and what trains it. */
class Contestant {
  private readonly variables: tf.Variable[];
  private readonly optimizer: Optimizer;
  /** Whether a number was not finite: it is where a training ends. */
  diverged = false;

  constructor(title: (typeof contestants)[number], learningRate: number) {
    const normal = (shape: [number, number]) =>
      tf.truncatedNormal(shape, 0, Math.sqrt(2 / shape[0]), 'float32', 1);
    this.variables = tf.tidy(() =>
      [
        normal([pixels, hiddenUnits]),
        tf.zeros([hiddenUnits]),
        normal([hiddenUnits, classes]),
        tf.zeros([classes]),
      ].map((value) => tf.variable(value)),
    );
    this.optimizer = optimizerOf(title, learningRate);
  }

  private logits(images: tf.Tensor2D): tf.Tensor2D {
    const [hidden, hiddenBias, output, outputBias] = this.variables;
    const features = tf.relu(tf.add(tf.matMul(images, hidden as tf.Tensor2D), hiddenBias!));
    return tf.add(tf.matMul(features, output as tf.Tensor2D), outputBias!);
  }

  async step(images: tf.Tensor2D, labels: tf.Tensor1D): Promise<StepShown | null> {
    if (this.diverged) return null;
    try {
      const loss = this.optimizer.minimize(
        () => tf.mean<tf.Scalar>(crossEntropy(labels, this.logits(images))),
        true,
        this.variables,
      )!;
      const [value] = await loss.data();
      loss.dispose();
      return { loss: value!, stepSize: this.optimizer.lastStep!.stepSize };
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      this.diverged = true;
      return null;
    }
  }

  /** The share of digits that it names rightly. */
  async accuracy(images: tf.Tensor2D, labels: Int32Array): Promise<number> {
    const named = tf.tidy(() => tf.argMax(this.logits(images), 1));
    const values = await named.data();
    named.dispose();
    return values.filter((value, i) => value === labels[i]).length / labels.length;
  }

  dispose(): void {
    this.optimizer.dispose();
    tf.dispose(this.variables);
  }
}

/** The three trainings; to be disposed of. */
export class Contest {
  private readonly entrants: readonly Contestant[];
  private readonly testImages: tf.Tensor2D;
  /** Steps that were taken. */
  steps = 0;

  constructor(
    private readonly training: Digits,
    private readonly test: Digits,
    learningRate: number,
  ) {
    this.entrants = contestants.map((title) => new Contestant(title, learningRate));
    this.testImages = tf.tensor2d(test.images, [test.count, pixels]);
  }

  /** One step of each on the next mini-batch; null: it has diverged. */
  async step(): Promise<(StepShown | null)[]> {
    const { images, labels, count } = this.training;
    const first = (this.steps * batchSize) % (count - batchSize + 1);
    this.steps++;
    const last = first + batchSize;
    const inputs = tf.tensor2d(images.subarray(first * pixels, last * pixels), [batchSize, pixels]);
    const targets = tf.tensor1d(labels.subarray(first, last), 'int32');
    const shown: (StepShown | null)[] = [];
    for (const entrant of this.entrants) shown.push(await entrant.step(inputs, targets));
    tf.dispose([inputs, targets]);
    return shown;
  }

  /** The accuracy of each on the test digits; null: it has diverged. */
  async accuracies(): Promise<(number | null)[]> {
    const shown: (number | null)[] = [];
    for (const entrant of this.entrants) {
      shown.push(
        entrant.diverged ? null : await entrant.accuracy(this.testImages, this.test.labels),
      );
    }
    return shown;
  }

  dispose(): void {
    for (const entrant of this.entrants) entrant.dispose();
    this.testImages.dispose();
  }
}
