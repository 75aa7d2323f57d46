import * as tf from '@tensorflow/tfjs-core';
import type { PortableTensor } from '../rules/rule.js';
import { isFiniteNumber, largestNumber } from '../rules/number-range.js';
import { finiteNorm, scaledNorm } from '../rules/scaled-norm.js';
import { lazyReport } from '../rules/lazy-report.js';
import type { StepStatus } from '../rules/report.js';
import { reportFields, reportOf, statusCodes, type EngineReport } from '../rules/result.js';
import { MOST_SCALARS, smallestLossOf } from '../rules/rule-step.js';
import {
  backendAnswersLater,
  replaceValue,
  type StepScalars,
  type TensorEngine,
  type TensorStep,
  type TensorStepOutcome,
} from './engine.js';

/** What the step computes, as tensors: nothing of it is read back before the report is. */
interface Computed extends tf.TensorContainerObject {
  readonly parameters: tf.Tensor[];
  readonly state: tf.Tensor[];
  readonly scalars: tf.Tensor;
  readonly report: tf.Tensor;
}

function scalarsTensor(scalars: StepScalars): tf.Tensor {
  return scalars instanceof Float64Array ? tf.tensor1d(Float32Array.from(scalars)) : scalars;
}

function code(status: StepStatus): tf.Scalar {
  return tf.scalar(statusCodes[status]);
}

function all(conditions: readonly tf.Tensor[]): tf.Tensor {
  return conditions.reduce((a, b) => tf.logicalAnd(a, b), tf.scalar(true, 'bool'));
}

/** A gradient clipped by value; NaN stays NaN, which not every backend's own clipping keeps. */
function clipped(gradient: tf.Tensor, most: number): tf.Tensor {
  if (most === Infinity) return gradient;
  const below = tf.where(tf.greater(gradient, most), tf.scalar(most), gradient);
  return tf.where(tf.less(below, -most), tf.scalar(-most), below);
}

/** The stages up to the new parameters, of a step that has gradients. */
function update(step: TensorStep) {
  const { rule, variables, gradients, settings, groups, stepNumber } = step;
  const count = rule.state.length;
  // TensorFlow's Select refuses a tensor without elements beside a condition that has one.
  const tensorOf = (i: number): PortableTensor | null =>
    gradients[i] && gradients[i].size > 0
      ? {
          parameter: variables[i]!,
          gradient: clipped(gradients[i], step.maxGradientValue),
          state: step.state.slice(i * count, (i + 1) * count),
          group: step.groupOf?.[i] ?? 0,
        }
      : null;
  const tensors = variables.map((_, i) => tensorOf(i));
  const given = tensors.filter((tensor) => tensor !== null);
  const loss = typeof step.loss === 'number' ? tf.scalar(step.loss, 'float32') : step.loss;
  const gradientNorm = scaledNorm(given.map(({ gradient }) => gradient));
  const scalars = scalarsTensor(step.scalars);
  const decision = rule.portable({
    settings,
    groups,
    stepNumber,
    loss,
    gradientNorm,
    tensors: given,
    scalars: rule.scalars.map((_, i) => tf.reshape(tf.slice(scalars, i, 1), [])),
  });
  const newScalars = decision.scalars ?? [];

  const lossFinite = rule.usesLoss ? tf.isFinite(loss) : tf.scalar(true, 'bool');
  const gradientFinite = finiteNorm(gradientNorm);
  const sumsFinite = all((decision.sums ?? []).map((sum) => tf.isFinite(sum)));
  const stepFinite = all([decision.stepSize, ...newScalars].map(isFiniteNumber));
  const taken = all([lossFinite, gradientFinite, sumsFinite, stepFinite]);
  // Selected, not multiplied with 0: a NaN would survive that.
  const select = (next: tf.Tensor, old: tf.Tensor) => tf.where(taken, next, old);
  const parameters: tf.Tensor[] = [];
  const state: tf.Tensor[] = [];
  tensors.forEach((tensor, i) => {
    if (!tensor) {
      parameters.push(tf.clone(variables[i]!));
      state.push(...step.state.slice(i * count, (i + 1) * count).map((old) => tf.clone(old)));
      return;
    }
    const next = decision.update(tensor);
    parameters.push(select(next.parameter, tensor.parameter));
    state.push(...tensor.state.map((old, k) => select(next.state[k]!, old)));
  });
  const refusal = tf.where(
    lossFinite,
    tf.where(
      gradientFinite,
      tf.where(sumsFinite, code('stepSizeNotFinite'), code('sumNotFinite')),
      code('gradientNotFinite'),
    ),
    code('lossNotFinite'),
  );
  const unused = MOST_SCALARS - newScalars.length;
  return {
    parameters,
    state,
    taken,
    refusal,
    scalars: select(
      tf.stack([...newScalars, ...Array<tf.Tensor>(unused).fill(tf.scalar(0))]),
      scalars,
    ),
    report: {
      loss,
      stepSize: decision.stepSize,
      unclippedStepSize: decision.unclippedStepSize,
      gradientNorm: gradientNorm.norm,
      clipped: decision.clipped,
    },
  };
}

/** What {@link update} gives for a projection alone. */
function unchanged(step: TensorStep): ReturnType<typeof update> {
  const zero = tf.scalar(0);
  return {
    parameters: step.variables.map((variable) => tf.clone(variable)),
    state: [],
    taken: tf.scalar(true, 'bool'),
    refusal: zero,
    scalars: tf.clone(scalarsTensor(step.scalars)),
    report: {
      loss: zero,
      stepSize: zero,
      unclippedStepSize: zero,
      gradientNorm: zero,
      clipped: zero,
    },
  };
}

function compute(step: TensorStep): Computed {
  const stepWanted = step.gradients.some((gradient) => gradient !== null);
  const updated = stepWanted ? update(step) : unchanged(step);
  const { taken } = updated;
  const parameterNorm = scaledNorm(updated.parameters);
  const parametersFinite = finiteNorm(parameterNorm);
  let projected: tf.Tensor = tf.scalar(false, 'bool');
  let { parameters } = updated;
  if (step.maxNorm !== Infinity) {
    projected = all([taken, parametersFinite, tf.greater(parameterNorm.norm, step.maxNorm)]);
    const scale = tf.where(projected, tf.div(step.maxNorm, parameterNorm.norm), tf.scalar(1));
    parameters = parameters.map((parameter) =>
      parameter.size > 0 ? tf.mul(parameter, scale) : parameter,
    );
  }
  const status = tf.where(
    taken,
    tf.where(parametersFinite, code('taken'), code('parameterOverflow')),
    updated.refusal,
  );
  const fields: Readonly<Record<keyof EngineReport, tf.Tensor>> = {
    ...updated.report,
    parameterNorm: parameterNorm.norm,
    projected,
    status,
  };
  const report = tf.stack(
    reportFields.map((name) => tf.cast(tf.reshape(fields[name], []), 'float32')),
  );
  return { parameters, state: updated.state, scalars: updated.scalars, report };
}

const unclippedPlace = reportFields.indexOf('unclippedStepSize');

function readReport(
  tensor: tf.Tensor,
  smallestLoss: number,
): Pick<TensorStepOutcome, 'report' | 'deferred'> {
  const largest = largestNumber();
  const read = (values: Float32Array) => {
    const fields = values.map((value, i) =>
      i === unclippedPlace && value >= largest ? Infinity : value,
    );
    return reportOf(fields, 'portable', smallestLoss);
  };
  if (!backendAnswersLater()) {
    const report = read(tensor.dataSync<'float32'>());
    tensor.dispose();
    return { report, deferred: null };
  }
  // The step may have been made inside the caller's tf.tidy (model.fit does), which ends earlier.
  tf.keep(tensor);
  let fields: Float32Array | undefined;
  const { report, outcome } = lazyReport('portable', () =>
    read(fields ?? tensor.dataSync<'float32'>()),
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
 * The engine for every other backend (wasm, webgl, webgpu): the same rules in tfjs ops. It is held
 * to the recorded trajectories' tolerance, not to the numeric contract's bits, and makes new state
 * always. Where a number is not finite the old values are selected on the device.
 */
export const stepPortably: TensorEngine = (step) => {
  const computed = tf.tidy<Computed>(() => compute(step));
  const { parameters, state, scalars, report } = computed;
  let outcome: TensorStepOutcome;
  try {
    // All that may fail before the first assignment: NOTE [nothing is half done] in
    // native/cpu/engine.h.
    outcome = {
      newState: state.length > 0 ? state : null,
      newScalars: portableScalars(step, scalars),
      ...readReport(report, smallestLossOf(step)),
    };
  } catch (error) {
    tf.dispose(computed);
    throw error;
  }
  step.variables.forEach((variable, i) => {
    replaceValue(variable, parameters[i]!);
  });
  return outcome;
};

/** A tensor where the rule has scalars: else there is nothing to keep on the device. */
function portableScalars(step: TensorStep, scalars: tf.Tensor): StepScalars {
  if (step.rule.scalars.length > 0) return scalars;
  scalars.dispose();
  return new Float64Array(MOST_SCALARS);
}
