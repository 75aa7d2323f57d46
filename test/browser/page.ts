/**
 * The page that the browser tests drive: bundled by test/support/page-server.ts, its functions
 * called through {@link PageTests}. It uses the package by its name, as a web application would.
 */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import {
  AliG,
  box,
  fusedAliGStep,
  l2Ball,
  NonFiniteError,
  simplex,
  type EngineName,
  type StepReport,
  type StepStatus,
} from 'tfjs-alig';
import type { Tape } from '../support/golden-comparison.js';
import { playOnBackend, replay, replayedBits, type StepBits } from '../support/golden-replay.js';

setWasmPaths('/wasm/');

async function fetchTape(id: string): Promise<Tape> {
  const response = await fetch(`/golden/${id}.json`);
  return (await response.json()) as Tape;
}

/** The number of tensors, once the reads that are under way have given theirs up. */
async function tensorsOnceSettled(expected: number): Promise<number> {
  const deadline = performance.now() + 120_000;
  while (tf.memory().numTensors !== expected && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return tf.memory().numTensors;
}

interface TensorCounts {
  readonly tensorsBefore: number;
  readonly tensorsAfter: number;
}

/** Tells what became of a step whose gradient held a NaN. */
interface RefusedStep {
  /** Which call threw the NonFiniteError; null: none did. */
  readonly thrownBy: 'step' | 'report' | 'next step' | null;
  readonly status: StepStatus | null;
  readonly changed: boolean;
  /** Steps that count: the good one before. */
  readonly iterations: number;
  /** Whether a good step after the error was taken. */
  readonly wentOn: boolean;
}

/** A NonFiniteError that a call threw; null: it threw nothing. Other errors go on. */
function nonFiniteErrorOf(call: () => unknown): NonFiniteError | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof NonFiniteError) return error;
    throw error;
  }
}

async function valuesOf(optimizer: AliG, variable: tf.Variable): Promise<number[]> {
  const weights = await optimizer.getWeights();
  const arrays = await Promise.all(
    [variable, ...weights.slice(1).map(({ tensor }) => tensor)].map((tensor) => tensor.data()),
  );
  tf.dispose(weights.map(({ tensor }) => tensor));
  return arrays.flatMap((array) => [...array]);
}

function applyOnce(optimizer: AliG, variable: tf.Variable, gradient: readonly number[]): void {
  tf.tidy(() => {
    optimizer.applyGradients({ [variable.name]: tf.tensor1d([...gradient]) }, { loss: 0.5 });
  });
}

const pageTests = {
  /** Whether a backend can be had here, and what draws for it. */
  async useBackend(backend: string): Promise<{ available: boolean; renderer: string }> {
    if (backend === 'webgpu') {
      const adapter = await (navigator as { gpu?: GPU }).gpu?.requestAdapter();
      if (!adapter) return { available: false, renderer: 'no WebGPU adapter' };
      const { vendor, architecture } = adapter.info;
      return { available: await tf.setBackend(backend), renderer: `${vendor} ${architecture}` };
    }
    const available = await tf.setBackend(backend);
    if (backend !== 'webgl') return { available, renderer: 'none' };
    const context = document.createElement('canvas').getContext('webgl2')!;
    const info = context.getExtension('WEBGL_debug_renderer_info')!;
    return { available, renderer: String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) };
  },

  /** Replays a tape; problems as {@link replay} returns them. */
  async replayTape(
    id: string,
    backend: string,
    engine: EngineName,
  ): Promise<TensorCounts & { problems: string[] }> {
    const tape = await fetchTape(id);
    await tf.setBackend(backend);
    const tensorsBefore = tf.memory().numTensors;
    const player = await playOnBackend(tape, backend);
    const problems = await replay(tape, player, engine).finally(() => {
      player.dispose();
    });
    return { problems, tensorsBefore, tensorsAfter: await tensorsOnceSettled(tensorsBefore) };
  },

  /** Replays a tape on the cpu backend; all its bits. */
  async tapeBits(id: string): Promise<StepBits[]> {
    const tape = await fetchTape(id);
    const player = await playOnBackend(tape, 'cpu');
    const bits = await replayedBits(tape, player);
    player.dispose();
    return bits;
  },

  /** Trains a small dense model. */
  async fit(
    backend: string,
  ): Promise<TensorCounts & { losses: number[]; engine: EngineName; stepSize: number }> {
    await tf.setBackend(backend);
    const tensorsBefore = tf.memory().numTensors;
    const model = layers.sequential({
      layers: [
        layers.layers.dense({
          units: 16,
          inputShape: [4],
          activation: 'tanh',
          kernelInitializer: layers.initializers.glorotUniform({ seed: 1 }),
        }),
        layers.layers.dense({
          units: 3,
          activation: 'softmax',
          kernelInitializer: layers.initializers.glorotUniform({ seed: 2 }),
        }),
      ],
    });
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(50) });
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    const inputs = tf.randomUniform([64, 4], -1, 1, 'float32', 3);
    const labels = tf.tidy(() => tf.oneHot(tf.argMax(tf.slice(inputs, [0, 0], [64, 3]), 1), 3));
    const history = await model.fit(inputs, labels, { epochs: 15, batchSize: 16 });
    const { engine, stepSize } = optimizer.lastStep!;
    model.dispose();
    optimizer.dispose();
    tf.dispose([inputs, labels]);
    return {
      losses: history.history['loss'] as number[],
      engine,
      stepSize,
      tensorsBefore,
      tensorsAfter: await tensorsOnceSettled(tensorsBefore),
    };
  },

  /** Makes a step with a NaN among the gradients; `readReport`: and looks at the report. */
  async refuseNaN(backend: string, readReport: boolean): Promise<RefusedStep> {
    await tf.setBackend(backend);
    const optimizer = new AliG({ maxLearningRate: 0.1 });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, -2, 3])));
    applyOnce(optimizer, variable, [0.5, 0.25, -1]);
    const before = await valuesOf(optimizer, variable);
    let thrownBy: RefusedStep['thrownBy'] = 'step';
    let error = nonFiniteErrorOf(() => {
      applyOnce(optimizer, variable, [0.5, NaN, -1]);
    });
    if (!error && readReport) {
      thrownBy = 'report';
      error = nonFiniteErrorOf(() => optimizer.lastStep!.status);
    }
    const after = await valuesOf(optimizer, variable);
    if (!error) {
      thrownBy = 'next step';
      error = nonFiniteErrorOf(() => {
        applyOnce(optimizer, variable, [0.5, 0.25, -1]);
      });
    }
    const { iterations } = optimizer;
    const afterError = await valuesOf(optimizer, variable);
    applyOnce(optimizer, variable, [0.5, 0.25, -1]);
    const wentOn = String(await valuesOf(optimizer, variable)) !== String(afterError);
    optimizer.dispose();
    variable.dispose();
    return {
      thrownBy: error && thrownBy,
      status: error?.report.status ?? null,
      changed: [after, afterError].some((values) => String(values) !== String(before)),
      iterations,
      wentOn,
    };
  },

  /** A first step that is refused, under a constraint that its parameters do not keep. */
  async refuseFirst(
    backend: string,
  ): Promise<TensorCounts & { parameter: number[]; iterations: number }> {
    await tf.setBackend(backend);
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(1) });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([3, 4])));
    const tensorsBefore = tf.memory().numTensors;
    const error = nonFiniteErrorOf(() => {
      applyOnce(optimizer, variable, [NaN, 1]);
      return optimizer.lastStep!.status;
    });
    if (!error) throw new Error('the step was not refused');
    const parameter = [...(await variable.data())];
    const { iterations } = optimizer;
    const tensorsAfter = await tensorsOnceSettled(tensorsBefore);
    optimizer.dispose();
    variable.dispose();
    return { parameter, iterations, tensorsBefore, tensorsAfter };
  },

  /** Steps under a constraint that is a pass of its own: a good one, a refused one, a good one. */
  async constrainedSteps(
    backend: string,
    constraint: 'box' | 'simplex',
  ): Promise<TensorCounts & { values: number[][]; iterations: number }> {
    await tf.setBackend(backend);
    const optimizer = new AliG({
      maxLearningRate: 0.25,
      momentum: 0,
      epsilon: 0,
      constraint: constraint === 'box' ? box(-0.5, 0.75) : simplex,
    });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([3, -4, 0.25])));
    const tensorsBefore = tf.memory().numTensors;
    const values: number[][] = [];
    for (const gradient of [
      [1, -1, 1],
      [NaN, 1, 1],
      [-1, 1, 0.5],
    ]) {
      nonFiniteErrorOf(() => {
        applyOnce(optimizer, variable, gradient);
        return optimizer.lastStep!.status;
      });
      values.push([...(await variable.data())]);
    }
    const { iterations } = optimizer;
    const tensorsAfter = await tensorsOnceSettled(tensorsBefore);
    optimizer.dispose();
    variable.dispose();
    return { values, iterations, tensorsBefore, tensorsAfter };
  },

  /** Makes 20 steps through minimize, one after the other without a pause. */
  async countTensors(backend: string, readReport: boolean): Promise<TensorCounts> {
    await tf.setBackend(backend);
    // The variable and its velocity are what stays of the first step.
    const tensorsBefore = tf.memory().numTensors + 2;
    const optimizer = new AliG({ maxLearningRate: 0.1, constraint: l2Ball(1) });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, -2, 3])));
    const step = () => {
      optimizer.minimize(() => tf.sum(tf.square(variable)));
      if (readReport && optimizer.lastStep!.status !== 'taken') throw new Error('not taken');
    };
    for (let i = 0; i < 20; i++) step();
    const tensorsAfter = await tensorsOnceSettled(tensorsBefore);
    optimizer.dispose();
    variable.dispose();
    return { tensorsBefore, tensorsAfter };
  },

  /** The report of a step that was made inside tf.tidy, read after it. */
  async reportAfterTidy(backend: string): Promise<StepReport> {
    await tf.setBackend(backend);
    const optimizer = new AliG({ maxLearningRate: null, momentum: 0 });
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([3, 4])));
    tf.tidy(() => {
      optimizer.minimize(() => tf.sum(tf.square(variable)), false, [variable]);
    });
    const report = { ...optimizer.lastStep! };
    optimizer.dispose();
    variable.dispose();
    return report;
  },

  /** One step of the function over variables: report, parameter and velocity. */
  async fusedStep(
    backend: string,
  ): Promise<{ report: StepReport; parameter: number[]; velocity: number[] }> {
    await tf.setBackend(backend);
    const parameter = tf.tidy(() => tf.variable(tf.tensor1d([3, 4])));
    const velocity = tf.tidy(() => tf.variable(tf.tensor1d([0, 0])));
    const gradient = tf.tensor1d([6, 8]);
    const report = fusedAliGStep({
      parameters: [parameter],
      gradients: [gradient],
      velocities: [velocity],
      loss: 25,
      momentum: 0.5,
      epsilon: 0,
    });
    const result = {
      report: { ...report },
      parameter: [...(await parameter.data())],
      velocity: [...(await velocity.data())],
    };
    tf.dispose([parameter, velocity, gradient]);
    return result;
  },

  /** One step of the function over host arrays. */
  hostStep(): { report: StepReport; parameter: number[] } {
    const parameter = Float32Array.of(3, 4);
    const gradients = [Float32Array.of(6, 8)];
    const report = fusedAliGStep({ parameters: [parameter], gradients, loss: 25, epsilon: 0 });
    return { report, parameter: [...parameter] };
  },

  /**
   * One step of AliG for each of these gradients and losses on WebGL with half floats alone; its step
   * size, or the error's message.
   */
  async halfFloatSteps(
    steps: readonly { gradient: number; loss: number; size: number }[],
    maxLearningRate: number | null,
  ): Promise<(number | string)[]> {
    const factory = tf.findBackendFactory('webgl');
    const restart = async (halfFloats: boolean) => {
      tf.removeBackend('webgl');
      tf.env().set('WEBGL_FORCE_F16_TEXTURES', halfFloats);
      tf.env().set('WEBGL_RENDER_FLOAT32_ENABLED', !halfFloats);
      tf.registerBackend('webgl', factory, 2);
      await tf.setBackend('webgl');
    };
    await restart(true);
    const results: (number | string)[] = [];
    for (const { gradient, loss, size } of steps) {
      const variable = tf.variable(tf.ones([size]));
      const optimizer = new AliG({ maxLearningRate, momentum: 0 });
      const error = nonFiniteErrorOf(() => {
        optimizer.applyGradients({ [variable.name]: tf.fill([size], gradient) }, { loss });
        results.push(optimizer.lastStep!.stepSize);
      });
      if (error) results.push(error.message);
      variable.dispose();
      optimizer.dispose();
    }
    await restart(false);
    return results;
  },

  /** A model with batch normalisation meets a batch with NaN, which is skipped. */
  async skipBadBatch(backend: string): Promise<
    TensorCounts & {
      predictions: number[];
      iterations: number;
      skipped: number;
      statuses: string[];
    }
  > {
    await tf.setBackend(backend);
    const tensorsBefore = tf.memory().numTensors;
    const model = layers.sequential({
      layers: [
        layers.layers.dense({ units: 3, inputShape: [2], activation: 'tanh' }),
        layers.layers.batchNormalization(),
        layers.layers.dense({ units: 1 }),
      ],
    });
    const optimizer = new AliG({ maxLearningRate: 0.1, onNonFinite: 'skip' });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const good = tf.tensor2d([1, 2, -1, 0.5, 0, -2, 2, 1], [4, 2]);
    const bad = tf.tensor2d([1, 2, NaN, 0.5, 0, -2, 2, 1], [4, 2]);
    const targets = tf.tensor2d([1, 0, 2, -1], [4, 1]);
    const statuses: string[] = [];
    const quiet = { verbose: 0 } as const;
    for (const batch of [good, bad, bad, good]) {
      await model.fit(batch, targets, { epochs: 1, ...quiet });
      statuses.push(optimizer.lastStep!.status);
    }
    const { iterations, skippedSteps: skipped } = optimizer;
    const predicted = model.predict(good) as tf.Tensor;
    const predictions = [...(await predicted.data())];
    tf.dispose([good, bad, targets, predicted]);
    model.dispose();
    optimizer.dispose();
    return {
      predictions,
      iterations,
      skipped,
      statuses,
      tensorsBefore,
      tensorsAfter: await tensorsOnceSettled(tensorsBefore),
    };
  },
};

export type PageTests = typeof pageTests;

declare global {
  var pageTests: PageTests;
}

globalThis.pageTests = pageTests;
