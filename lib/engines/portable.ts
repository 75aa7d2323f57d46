import * as tf from '@tensorflow/tfjs-core';
import { lazyReport, unpackReport } from '../step/report.js';
import {
  replaceValue,
  type TensorEngine,
  type TensorStep,
  type TensorStepOutcome,
} from './engine.js';

/** A Euclidean norm as m * sqrt(scaledSquares), m the largest magnitude of all elements. */
interface ScaledNorm {
  readonly largest: tf.Tensor;
  readonly scaledSquares: tf.Tensor;
  readonly norm: tf.Tensor;
}

/**
 * The norm of all tensors together. Squares are taken after division by the largest magnitude, so
 * that no finite element overflows float32 (its square would beyond 1.8e19).
 */
function scaledNorm(tensors: readonly tf.Tensor[]): ScaledNorm {
  const filled = tensors.filter((tensor) => tensor.size > 0);
  if (filled.length === 0) {
    return { largest: tf.scalar(0), scaledSquares: tf.scalar(0), norm: tf.scalar(0) };
  }
  const largest = tf.max(tf.stack(filled.map((tensor) => tf.max(tf.abs(tensor)))));
  const divisor = tf.where(tf.greater(largest, 0), largest, tf.scalar(1));
  const scaledSquares = tf.addN(filled.map((tensor) => tf.sum(tf.square(tf.div(tensor, divisor)))));
  return { largest, scaledSquares, norm: tf.mul(largest, tf.sqrt(scaledSquares)) };
}

/** Whether all elements were finite: an infinite or NaN one makes its scaled square NaN. */
function finiteNorm({ largest, scaledSquares }: ScaledNorm): tf.Tensor {
  return tf.logicalAnd(tf.isFinite(largest), tf.isFinite(scaledSquares));
}

/** max(loss - lowerBound, 0) / (norm^2 + epsilon), without a square that could overflow. */
function unclippedStepSize(step: TensorStep, loss: tf.Tensor, gradient: ScaledNorm): tf.Tensor {
  const { epsilon, lowerBound, maxLearningRate } = step.settings;
  const numerator = tf.maximum(tf.sub(loss, lowerBound), 0);
  const m = tf.where(tf.greater(gradient.largest, 0), gradient.largest, tf.scalar(1));
  const large = tf.div(
    tf.div(numerator, m),
    tf.add(tf.mul(m, gradient.scaledSquares), tf.div(epsilon, m)),
  );
  const denominator = tf.add(tf.mul(m, tf.mul(m, gradient.scaledSquares)), epsilon);
  const unclipped = tf.where(tf.greaterEqual(m, 1), large, tf.div(numerator, denominator));
  if (epsilon !== 0) return unclipped;
  // A denominator of 0 (epsilon 0, all gradients 0) moves nothing; see lib/step/alig.ts.
  const allZero = tf.equal(gradient.largest, 0);
  const undefinedStep =
    maxLearningRate === Infinity ? allZero : tf.logicalAnd(allZero, tf.equal(numerator, 0));
  return tf.where(undefinedStep, tf.scalar(0), unclipped);
}

/** New parameter and velocity of one variable, not yet selected or projected. */
function updated(
  step: TensorStep,
  stepSize: tf.Tensor,
  variable: tf.Tensor,
  gradient: tf.Tensor,
  velocity: tf.Tensor | undefined,
): { parameter: tf.Tensor; velocity: tf.Tensor | undefined } {
  const { momentum, adjustedMomentum } = step.settings;
  const change = tf.mul(gradient, stepSize);
  const stepped = tf.sub(variable, change);
  if (!velocity) return { parameter: stepped, velocity };
  const next = tf.sub(tf.mul(velocity, momentum), adjustedMomentum ? gradient : change);
  const factor = adjustedMomentum ? tf.mul(stepSize, momentum) : momentum;
  return { parameter: tf.add(stepped, tf.mul(next, factor)), velocity: next };
}

/** What the step computes, as tensors: nothing of it is read back before the report is. */
interface Computed {
  readonly [name: string]: tf.Tensor | tf.Tensor[];
  readonly parameters: tf.Tensor[];
  readonly velocities: tf.Tensor[];
  readonly report: tf.Tensor;
}

function compute(step: TensorStep): Computed {
  const { variables, gradients, velocities, settings } = step;
  const given = gradients.filter((gradient) => gradient !== null);
  const loss = typeof step.loss === 'number' ? tf.scalar(step.loss, 'float32') : step.loss;
  const gradientNorm = scaledNorm(given);
  const unclipped = unclippedStepSize(step, loss, gradientNorm);
  const bounded = settings.maxLearningRate !== Infinity;
  const clipped = bounded
    ? tf.greater(unclipped, settings.maxLearningRate)
    : tf.scalar(false, 'bool');
  const stepSize = bounded
    ? tf.where(clipped, tf.scalar(settings.maxLearningRate), unclipped)
    : unclipped;

  const lossFinite = tf.isFinite(loss);
  const gradientFinite = finiteNorm(gradientNorm);
  const stepFinite = tf.isFinite(stepSize);
  const taken =
    given.length === 0
      ? tf.scalar(true, 'bool')
      : tf.logicalAnd(tf.logicalAnd(lossFinite, gradientFinite), stepFinite);
  // Selected, not multiplied with 0: a NaN would survive that.
  const select = (next: tf.Tensor, old: tf.Tensor) => tf.where(taken, next, old);

  const newParameters: tf.Tensor[] = [];
  const newVelocities: tf.Tensor[] = [];
  variables.forEach((variable, i) => {
    const gradient = gradients[i];
    const velocity = velocities?.[i];
    if (!gradient) {
      newParameters.push(tf.clone(variable));
      if (velocity) newVelocities.push(tf.clone(velocity));
      return;
    }
    const next = updated(step, stepSize, variable, gradient, velocity);
    newParameters.push(select(next.parameter, variable));
    if (velocity && next.velocity) newVelocities.push(select(next.velocity, velocity));
  });

  const parameterNorm = scaledNorm(newParameters);
  const parametersFinite = finiteNorm(parameterNorm);
  let projected: tf.Tensor = tf.scalar(false, 'bool');
  let constrained = newParameters;
  if (settings.maxNorm !== Infinity) {
    projected = tf.logicalAnd(
      tf.logicalAnd(taken, parametersFinite),
      tf.greater(parameterNorm.norm, settings.maxNorm),
    );
    const scale = tf.where(projected, tf.div(settings.maxNorm, parameterNorm.norm), tf.scalar(1));
    constrained = newParameters.map((parameter) => tf.mul(parameter, scale));
  }

  const status = tf.where(
    taken,
    tf.where(parametersFinite, tf.scalar(0), tf.scalar(4)),
    tf.where(lossFinite, tf.where(gradientFinite, tf.scalar(3), tf.scalar(2)), tf.scalar(1)),
  );
  const number = (tensor: tf.Tensor) => tf.cast(tf.reshape(tensor, []), 'float32');
  const report = tf.stack(
    given.length === 0
      ? [
          status,
          loss,
          tf.scalar(0),
          tf.scalar(0),
          tf.scalar(0),
          parameterNorm.norm,
          tf.scalar(0),
          projected,
        ].map(number)
      : [
          status,
          loss,
          stepSize,
          unclipped,
          gradientNorm.norm,
          parameterNorm.norm,
          clipped,
          projected,
        ].map(number),
  );
  return { parameters: constrained, velocities: newVelocities, report };
}

/** Backends that compute while JavaScript goes on: reading from them waits for all that is queued. */
const queuingBackends = ['webgl', 'webgpu'];

function readReport(tensor: tf.Tensor): Pick<TensorStepOutcome, 'report' | 'deferred'> {
  if (!queuingBackends.includes(tf.getBackend())) {
    const report = unpackReport(tensor.dataSync<'float32'>(), 'portable');
    tensor.dispose();
    return { report, deferred: null };
  }
  // The step may have been made inside the caller's tf.tidy (model.fit does), which ends earlier.
  tf.keep(tensor);
  let fields: Float32Array | undefined;
  const { report, outcome } = lazyReport('portable', () =>
    unpackReport(fields ?? tensor.dataSync<'float32'>(), 'portable'),
  );
  // Asked for at once, so that the tensor goes away also where nobody looks at the report.
  tensor.data<'float32'>().then(
    (values) => {
      fields = values;
      tensor.dispose();
      outcome.error();
    },
    // The device was lost. That is thrown where the report is read; here nobody could catch it.
    () => undefined,
  );
  return { report, deferred: outcome };
}

/**
 * The engine for every other backend (wasm, webgl, webgpu): the same rule in tfjs ops. It is held
 * to the recorded trajectories' tolerance, not to the numeric contract's bits, and makes new
 * velocities always. Where a number is not finite the old values are selected on the device.
 */
export const stepPortably: TensorEngine = (step) => {
  const { parameters, velocities, report } = tf.tidy<Computed>(() => compute(step));
  step.variables.forEach((variable, i) => {
    replaceValue(variable, parameters[i]!);
  });
  return { ...readReport(report), newVelocities: step.velocities ? velocities : null };
};
