/** What many steps, optimisers and sizes hold: the memory of the process and tfjs's count of tensors. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { AliG, createOptimizer, l2Ball } from '../../lib/index.js';
import { useBackend } from '../support/backends.js';
import { randomNumbers } from '../support/random.js';
import { cases } from './life-cycles.js';

/** How often each part does what it does. */
export interface SoakCounts {
  /** Training steps of a small model. */
  readonly smallSteps: number;
  /** Steps over {@link largeSize} parameters. */
  readonly largeSteps: number;
  /** Optimisers that are made, step, are saved and loaded, and are disposed of. */
  readonly optimizers: number;
  /** Variables of random sizes, each of which is stepped and disposed of. */
  readonly sizes: number;
}

export const standardCounts: SoakCounts = {
  smallSteps: 100_000,
  largeSteps: 2_000,
  optimizers: 10_000,
  sizes: 20_000,
};

export interface SoakSample {
  readonly part: keyof SoakCounts;
  readonly done: number;
  readonly residentBytes: number;
  /** The heap of JavaScript, what is not collected yet included. */
  readonly heapBytes: number;
  readonly tensors: number;
  readonly tensorBytes: number;
}

const largeSize = 4_000_000;
const mostElements = 200_000;
const random = randomNumbers(17);

/** A part of the soak: what one round does, and what disposes of all that the rounds share. */
interface Part {
  readonly round: (i: number) => void | Promise<void>;
  readonly end: () => void;
}

function variableOf(size: number): tf.Variable {
  return tf.tidy(() => tf.variable(tf.fill([size], 0.5)));
}

function step(optimizer: Pick<AliG, 'applyGradients'>, variable: tf.Variable): void {
  tf.tidy(() => {
    const gradient = tf.fill(variable.shape, 0.01);
    optimizer.applyGradients([{ name: variable.name, tensor: gradient }], { loss: 1 });
  });
}

const parts: Readonly<Record<keyof SoakCounts, () => Part>> = {
  smallSteps() {
    const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0.9, constraint: l2Ball(10) });
    const [kernel, bias] = [variableOf(32), variableOf(4)];
    const inputs = tf.tidy(() => tf.randomUniform([16, 8], -1, 1, 'float32', 17));
    return {
      round() {
        optimizer.minimize(() =>
          tf
            .mean(tf.square(tf.add(tf.matMul(inputs, tf.reshape(kernel, [8, 4])), bias)))
            .asScalar(),
        );
      },
      end() {
        optimizer.dispose();
        tf.dispose([kernel, bias, inputs]);
      },
    };
  },

  largeSteps() {
    const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0.9, constraint: l2Ball(10) });
    const variable = variableOf(largeSize);
    return {
      round() {
        step(optimizer, variable);
      },
      end() {
        optimizer.dispose();
        variable.dispose();
      },
    };
  },

  optimizers() {
    const variable = variableOf(100);
    return {
      async round(i) {
        const [name, options] = cases[i % cases.length]!;
        const make = () => createOptimizer(name, options as never) as unknown as AliG;
        const [first, second] = [make(), make()];
        step(first, variable);
        const weights = await first.getWeights();
        await second.setWeights(weights);
        tf.dispose(weights.map(({ tensor }) => tensor));
        step(second, variable);
        assert.equal(second.iterations, 2);
        first.dispose();
        second.dispose();
      },
      end() {
        variable.dispose();
      },
    };
  },

  sizes() {
    const optimizer = new AliG({ maxLearningRate: 0.1 });
    return {
      round() {
        // As many of one magnitude as of another.
        const variable = variableOf(Math.round(mostElements ** random()));
        step(optimizer, variable);
        step(optimizer, variable);
        variable.dispose();
      },
      end() {
        optimizer.dispose();
      },
    };
  },
};

function sample(part: keyof SoakCounts, done: number): SoakSample {
  const { rss, heapUsed } = process.memoryUsage();
  const { numTensors, numBytes } = tf.memory();
  return {
    part,
    done,
    residentBytes: rss,
    heapBytes: heapUsed,
    tensors: numTensors,
    tensorBytes: numBytes,
  };
}

/**
 * Runs each part on tfjs-node, and looks after the first round and after each eighth of the others;
 * the last sample of a part is from after its end.
 */
export async function* soak(counts: SoakCounts): AsyncGenerator<SoakSample> {
  await useBackend('tensorflow');
  for (const [name, count] of Object.entries(counts) as [keyof SoakCounts, number][]) {
    const { round, end } = parts[name]();
    for (let i = 0; i < count; i++) {
      await round(i);
      const done = i + 1;
      const eighths = (rounds: number) => Math.floor((8 * rounds) / count);
      if (done === 1 || eighths(done) > eighths(i)) yield sample(name, done);
    }
    end();
    yield sample(name, count);
  }
}
