import { copyOnDevice, DeviceBuffer } from '../lib/engines/device-buffer.js';
import { fusedAliGStep, type Gpu } from '../lib/index.js';

export interface Shape {
  readonly tensors: number;
  readonly elements: number;
}

export interface Throughput extends Shape {
  readonly projected: boolean;
  /** Steps that were enqueued one after the other; the times are those of one of them. */
  readonly stepsInARow: number;
  readonly medianMicroseconds: number;
  readonly smallestMicroseconds: number;
  /** Gradients once, then gradients, parameters and velocities, two of them written; see below. */
  readonly bytesPerParameter: number;
  /** From the median. */
  readonly gigabytesPerSecond: number;
  /** As a part of what a copy on the same GPU moved in the same run. */
  readonly partOfCopy: number;
}

export interface ThroughputResults {
  /** Bytes read and written by copies on the GPU, per second. */
  readonly copyGigabytesPerSecond: number;
  readonly steps: readonly Throughput[];
  /** Shapes that did not fit into the GPU's memory. */
  readonly leftOut: readonly string[];
}

/** measure reads 4 bytes a parameter, update reads 12 and writes 8, project reads and writes 4. */
const bytesOfStep = 24;
const bytesOfProjection = 8;

const rounds = 9;
/** In one round, so that the wait at its end does not count. */
const roundSeconds = 0.2;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Numbers from -1 to 1 without a pattern that matters; a generator takes 10 s for a billion. */
function numbers(length: number): Float32Array {
  const values = new Float32Array(length);
  const first = Math.min(length, 1 << 20);
  for (let i = 0; i < first; i++) values[i] = Math.sin(i * 12.9898);
  for (let filled = first; filled < length; filled *= 2) values.copyWithin(filled, 0, filled);
  return values;
}

/** Seconds of one call, for each round; `wait` ends when all that was enqueued is done. */
function time(enqueue: () => void, wait: () => void): { seconds: number[]; inARow: number } {
  const run = (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) enqueue();
    wait();
    return (performance.now() - start) / 1000 / count;
  };
  run(1);
  const inARow = Math.max(1, Math.min(1000, Math.round(roundSeconds / run(3))));
  return { seconds: Array.from({ length: rounds }, () => run(inARow)), inARow };
}

function measureCopy(elements: number): number {
  const from = DeviceBuffer.zeros(elements);
  const to = DeviceBuffer.zeros(elements);
  const probe = DeviceBuffer.zeros(1);
  const { seconds } = time(
    () => {
      copyOnDevice(to, from);
    },
    () => probe.download(),
  );
  for (const buffer of [from, to, probe]) buffer.dispose();
  return (elements * 8) / median(seconds) / 1e9;
}

function measureStep({ tensors, elements }: Shape, projected: boolean, copy: number): Throughput {
  const values = numbers(elements);
  const buffers = (make: () => DeviceBuffer) => Array.from({ length: tensors }, make);
  const parameters = buffers(() => DeviceBuffer.upload(values));
  const gradients = buffers(() => DeviceBuffer.upload(values));
  const velocities = buffers(() => DeviceBuffer.zeros(elements));
  const options = {
    parameters,
    gradients,
    velocities,
    momentum: 0.9,
    maxLearningRate: 1e-3,
    loss: 1,
    // Outside of the ball before every step, so that the projection always works.
    maxNorm: projected ? 1e-3 : null,
  };
  let last = fusedAliGStep(options);
  const { seconds, inARow } = time(
    () => {
      last = fusedAliGStep(options);
    },
    () => last.status,
  );
  if (last.projected !== projected) throw new Error('the projection is not as it should be');
  for (const buffer of [...parameters, ...gradients, ...velocities]) buffer.dispose();
  const bytesPerParameter = bytesOfStep + (projected ? bytesOfProjection : 0);
  const rate = (bytesPerParameter * tensors * elements) / median(seconds) / 1e9;
  return {
    tensors,
    elements,
    projected,
    stepsInARow: inARow,
    medianMicroseconds: median(seconds) * 1e6,
    smallestMicroseconds: Math.min(...seconds) * 1e6,
    bytesPerParameter,
    gigabytesPerSecond: rate,
    partOfCopy: rate / copy,
  };
}

/** Measures steps of all shapes that fit, beside a copy of `copied` elements in the same run. */
export function measureThroughput(
  shapes: readonly Shape[],
  copied: number,
  gpu: Gpu,
  say: (line: string) => void,
): ThroughputResults {
  const copy = measureCopy(copied);
  say(`copy on the GPU: ${copy.toFixed(1)} GB/s read and written`);
  const steps: Throughput[] = [];
  const leftOut: string[] = [];
  for (const shape of shapes) {
    const title = `${shape.tensors} x ${shape.elements}`;
    // Parameters, gradients and velocities; the rest is for the driver and other processes.
    if (shape.tensors * shape.elements * 12 > 0.9 * gpu.memory) {
      leftOut.push(title);
      say(`${title}: left out, the GPU's memory is too small`);
      continue;
    }
    for (const projected of [false, true]) {
      const step = measureStep(shape, projected, copy);
      steps.push(step);
      say(
        `${title}${projected ? ', projected' : ''}: ${step.medianMicroseconds.toFixed(1)} us, ` +
          `${step.gigabytesPerSecond.toFixed(1)} GB/s, ${(100 * step.partOfCopy).toFixed(0)} % of the copy`,
      );
    }
  }
  return { copyGigabytesPerSecond: copy, steps, leftOut };
}
