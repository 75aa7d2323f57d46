/** A step over one tensor of more than 2^31 bytes, made where it stands and checked in samples. */
import { AliG, fusedAliGStep, type StepReport } from '../../lib/index.js';
import { timeSteps, type Runner } from '../worker/protocol.js';

/** What the process is given. */
export interface LargeInput {
  readonly elements: number;
  readonly momentum: number;
  readonly projecting: boolean;
}

/** Values repeat after so many elements: a prime, so that no power of two hides a wrong index. */
export const period = 1_000_003;
const maxLearningRate = 0.5;
const { fround } = Math;

const parameterAt = (i: number) => fround(0.05 + 0.0001 * ((i % period) % 97));
const gradientAt = (i: number) => fround(-0.001 * (1 + ((i % period) % 89)));

function filled(length: number, valueAt: (i: number) => number): Float32Array {
  const values = new Float32Array(length);
  const first = Math.min(length, period);
  for (let i = 0; i < first; i++) values[i] = valueAt(i);
  for (let done = first; done < length; done *= 2) values.copyWithin(done, 0, done);
  return values;
}

/** Both sides of 2^31 and 2^32 bytes, both ends, and steps in between. */
function samples(elements: number): number[] {
  const around = [2 ** 29, 2 ** 30].flatMap((edge) => [edge - 1, edge, edge + 1]);
  const spread = Array.from({ length: 1000 }, (_, i) => Math.floor((i * (elements - 1)) / 999));
  return [...around, ...spread].filter((i) => i < elements);
}

/** The sum of squares of all values, from one period of them. */
function squaredNorm(elements: number, valueAt: (i: number) => number): number {
  const rest = elements % period;
  let whole = 0;
  let partial = 0;
  for (let i = 0; i < period; i++) {
    const square = valueAt(i) ** 2;
    whole += square;
    if (i < rest) partial += square;
  }
  return Math.floor(elements / period) * whole + partial;
}

function assertClose(what: string, actual: number, expected: number): void {
  if (Math.abs(actual / expected - 1) <= 1e-6) return;
  throw new Error(`${what} is ${actual} instead of ${expected}`);
}

/** Compares the first step with the formula: norms in full, parameters in samples, bit for bit. */
function checkFirstStep(
  { elements, momentum, projecting }: LargeInput,
  report: StepReport,
  radius: number,
  valueAt: (i: number) => number,
): void {
  assertClose('the gradient norm', report.gradientNorm ** 2, squaredNorm(elements, gradientAt));
  if (report.projected !== projecting) throw new Error('the projection is not as it should be');
  // With velocities that were zero: u = step * g, v = -u, w = (w - u) + momentum * v.
  const next = (i: number) => {
    const change = fround(report.stepSize * gradientAt(i));
    const moved = fround(parameterAt(i) - change);
    return momentum === 0 ? moved : fround(moved + fround(fround(momentum) * -change));
  };
  // The first norm of new parameters, which the scale comes from, is too long to sum here in the
  // order of the contract; the report has it to 24 bits, and so the scale.
  const scale = projecting ? radius / report.parameterNorm : 1;
  assertClose('the parameter norm', report.parameterNorm ** 2, squaredNorm(elements, next));
  for (const i of samples(elements)) {
    const expected = next(i) * scale;
    if (projecting) assertClose(`parameter ${i}`, valueAt(i), expected);
    else if (valueAt(i) !== expected) {
      throw new Error(`parameter ${i} is ${valueAt(i)} instead of ${expected}`);
    }
  }
}

/** Inside of where the first step ends. */
function radiusFor({ elements, projecting }: LargeInput): number {
  return projecting ? 0.9 * Math.sqrt(squaredNorm(elements, parameterAt)) : Infinity;
}

function overHostArrays(input: LargeInput): Runner {
  const { elements, momentum, projecting } = input;
  const parameters = [filled(elements, parameterAt)];
  const gradients = [filled(elements, gradientAt)];
  const velocities = momentum === 0 ? {} : { velocities: [new Float32Array(elements)] };
  const radius = radiusFor(input);
  const step = () =>
    fusedAliGStep({
      parameters,
      gradients,
      ...velocities,
      loss: 1e30,
      maxLearningRate,
      momentum,
      maxNorm: projecting ? radius : null,
    });
  const report = step();
  checkFirstStep(input, report, radius, (i) => parameters[0]![i]!);
  return { turn: timeSteps(step) };
}

/**
 * Whole periods, and without a ball: AliG projects before its first step, so that the formula above
 * would not hold.
 */
async function overTensors(input: LargeInput): Promise<Runner> {
  const tf = await import('@tensorflow/tfjs-node');
  const { elements, momentum } = input;
  const optimizer = new AliG({ maxLearningRate, momentum });
  // Made by TensorFlow: arrays of JavaScript would stay until they are collected.
  const tiled = (valueAt: (i: number) => number) =>
    tf.tidy(() => tf.tile(tf.tensor1d(filled(period, valueAt)), [elements / period]));
  const initial = tiled(parameterAt);
  const variable = tf.variable(initial);
  initial.dispose();
  const gradient = tiled(gradientAt);
  const loss = tf.scalar(1e30);
  const step = () => {
    optimizer.applyGradients([{ name: variable.name, tensor: gradient }], { loss });
  };
  step();
  const report = optimizer.lastStep!;
  checkFirstStep(input, report, Infinity, (i) =>
    tf.tidy(() => tf.slice(variable, i, 1).dataSync()[0]!),
  );
  return { turn: timeSteps(step) };
}

export async function prepare(name: string, input: unknown): Promise<Runner> {
  return name === 'tensors'
    ? overTensors(input as LargeInput)
    : overHostArrays(input as LargeInput);
}
