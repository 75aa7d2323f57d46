import { Tensor, type Variable } from '@tensorflow/tfjs-core';
import { engineOfBackend } from '../engines/choose.js';
import { stepDeviceBuffers } from '../engines/device.js';
import { DeviceBuffer } from '../engines/device-buffer.js';
import { replaceValue, suspectsOf, type TensorStep } from '../engines/engine.js';
import { stepHostArrays } from '../engines/host.js';
import { warnOnce } from '../platform/warn-once.js';
import {
  checkArray,
  checkDeviceBuffer,
  checkList,
  checkLoss,
  checkNoOverlap,
  checkSomeGradient,
  checkTensor,
  checkVariable,
  copiedList,
  lossForBackend,
} from './checks.js';
import { whereNotFinite } from '../rules/non-finite.js';
import { checkOutcome } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import { aliGStep, aliGStepOptions, type FusedAliGStepSettings } from './alig-step.js';
import type { RuleStep } from '../rules/rule-step.js';
import { checkOptionNames } from '../options/option-names.js';
import { shown } from '../values/shown.js';

const owner = 'fusedAliGStep';

/** Options of {@link fusedAliGStep} over host arrays, which are changed in place. */
export interface HostStepOptions extends FusedAliGStepSettings {
  /** Changed in place. */
  parameters: readonly Float32Array[];
  /** One entry a parameter, of its length; null: no gradient in this step. */
  gradients: readonly (Float32Array | null)[];
  /** Changed in place; needed with momentum, zeros before the first step. */
  velocities?: readonly Float32Array[];
  loss: number;
}

/** Options of {@link fusedAliGStep} over arrays on a GPU, which are changed in place. */
export interface DeviceStepOptions extends FusedAliGStepSettings {
  /** Changed in place. */
  parameters: readonly DeviceBuffer[];
  /** One entry a parameter, of its length; null: no gradient in this step. */
  gradients: readonly (DeviceBuffer | null)[];
  /** Changed in place; needed with momentum, zeros before the first step. */
  velocities?: readonly DeviceBuffer[];
  loss: number;
}

/** Options of {@link fusedAliGStep} over tensors, which are assigned to the variables. */
export interface TensorStepOptions extends FusedAliGStepSettings {
  /** Assigned new tensors; float32, on the current backend. */
  parameters: readonly Variable[];
  /** One entry a parameter, of its shape; null: no gradient in this step. */
  gradients: readonly (Tensor | null)[];
  /** Assigned new tensors; needed with momentum, zeros before the first step. */
  velocities?: readonly Variable[];
  /** A number or a scalar tensor, on any backend. */
  loss: number | Tensor;
}

/** Options of {@link fusedAliGStep}, whatever it steps over. */
type StepOptions = HostStepOptions | DeviceStepOptions | TensorStepOptions;

const optionNames = [
  'parameters',
  'gradients',
  'velocities',
  'loss',
  ...Object.keys(aliGStepOptions),
];

function checkedVelocities(options: StepOptions, { rule }: RuleStep): readonly unknown[] | null {
  const { velocities, parameters } = options;
  if (velocities !== undefined && options.momentum === undefined) {
    throw new TypeError(
      `${owner}: velocities are given, but no momentum; give momentum, usually 0.9, or 0 to make ` +
        'the step without them.',
    );
  }
  if (rule.state.length === 0) return null;
  if (velocities === undefined) {
    throw new TypeError(
      `${owner}: velocities are missing, which momentum ${options.momentum ?? 0} needs: one of ` +
        "each parameter's shape, zeros before the first step.",
    );
  }
  checkList(`${owner}: velocities`, velocities, parameters.length);
  return velocities;
}

/** The options, each read once, and their lists as they are now: see {@link copiedList}. */
function readOnce(given: object): StepOptions {
  const entries = optionNames.map((name) => {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    return [name, Array.isArray(value) ? copiedList(value) : value];
  });
  return Object.fromEntries(entries) as StepOptions;
}

function isTensorStep(options: StepOptions): options is TensorStepOptions {
  return (options.parameters as readonly unknown[]).some((value) => value instanceof Tensor);
}

function isDeviceStep(options: StepOptions): options is DeviceStepOptions {
  return (options.parameters as readonly unknown[]).some((value) => value instanceof DeviceBuffer);
}

/** Returns a check that each value is given once, under one label; `kind` says what they are. */
function namedOnce(kind: string, remedy: string): (label: string, value: unknown) => void {
  const seen = new Map<unknown, string>();
  return (label, value) => {
    const earlier = seen.get(value);
    if (earlier !== undefined) {
      throw new Error(`${owner}: ${label} is the same ${kind} as ${earlier}; ${remedy}.`);
    }
    seen.set(value, label);
  };
}

/** Checks one entry of a list; `length` is that of its parameter. */
type CheckEntry = (label: string, value: unknown, length?: number) => void;

/** Checks all entries of lists whose parameters have a length and no shape. */
function checkFlatLists(
  { parameters, gradients }: HostStepOptions | DeviceStepOptions,
  velocities: readonly unknown[] | null,
  check: CheckEntry,
): void {
  for (const [i, parameter] of parameters.entries()) {
    check(`parameters[${i}]`, parameter);
    const gradient = gradients[i];
    if (gradient !== null) check(`gradients[${i}]`, gradient, parameter.length);
    if (velocities) check(`velocities[${i}]`, velocities[i], parameter.length);
  }
}

function stepOverArrays(options: HostStepOptions, step: RuleStep): StepReport {
  const { parameters, gradients, loss } = options;
  const velocities = checkedVelocities(options, step);
  const named: { label: string; array: Float32Array }[] = [];
  checkFlatLists(options, velocities, (label, array, length) => {
    checkArray(() => `${owner}: ${label}`, array, length);
    named.push({ label, array });
  });
  if (typeof loss !== 'number') {
    throw new TypeError(`${owner}: loss must be a number where parameters are arrays.`);
  }
  checkNoOverlap(owner, named);
  checkSomeGradient(owner, gradients);
  const { report } = stepHostArrays(
    parameters,
    gradients,
    (velocities ?? []) as readonly Float32Array[],
    loss,
    step,
  );
  const suspects = (list: string, arrays: readonly (Float32Array | null)[]) =>
    arrays.flatMap((array, i) => (array ? { name: `${list}[${i}]`, values: () => array } : []));
  checkOutcome(report, () =>
    whereNotFinite(report, {
      gradients: suspects('gradients', gradients),
      parameters: suspects('parameters', parameters),
    }),
  );
  warnOfBound(report);
  return report;
}

function stepOverDeviceBuffers(options: DeviceStepOptions, step: RuleStep): StepReport {
  const { parameters, gradients, loss } = options;
  const velocities = checkedVelocities(options, step);
  const checkOnce = namedOnce('DeviceBuffer', 'give each its own');
  checkFlatLists(options, velocities, (label, buffer, length) => {
    checkDeviceBuffer(() => `${owner}: ${label}`, buffer, length);
    checkOnce(label, buffer);
  });
  if (typeof loss !== 'number') {
    throw new TypeError(`${owner}: loss must be a number where parameters are DeviceBuffers.`);
  }
  checkSomeGradient(owner, gradients);
  return stepDeviceBuffers(
    parameters,
    gradients,
    (velocities ?? []) as readonly DeviceBuffer[],
    loss,
    step,
  );
}

/** Says once what a loss below its lower bound makes of the steps. */
function warnOfBound(report: StepReport): void {
  if (!report.belowLowerBound) return;
  warnOnce(
    `${owner}: a loss was below lowerBound, so that the step size is 0; give lowerBound a value that ` +
      'the loss cannot fall below, or add a constant to the loss. The reports say it of each step ' +
      '(belowLowerBound).',
  );
}

function stepOverVariables(options: TensorStepOptions, ruleStep: RuleStep): StepReport {
  const { parameters, gradients } = options;
  const velocities = checkedVelocities(options, ruleStep);
  const checkOnce = namedOnce('variable', 'name each variable once');
  for (const [i, parameter] of parameters.entries()) {
    checkVariable(() => `${owner}: parameters[${i}]`, parameter);
    checkOnce(`parameters[${i}]`, parameter);
    const gradient = gradients[i];
    if (gradient !== null) {
      checkTensor(
        () => `${owner}: gradients[${i}] (of variable ${parameter.name})`,
        gradient,
        parameter.shape,
      );
    }
    const velocity = velocities?.[i];
    if (velocities) {
      const label = () => `${owner}: velocities[${i}] (of variable ${parameter.name})`;
      checkVariable(label, velocity);
      checkTensor(label, velocity, parameter.shape);
      checkOnce(`velocities[${i}]`, velocity);
    }
  }
  checkLoss(owner, options.loss);
  checkSomeGradient(owner, gradients);
  const step: TensorStep = {
    ...ruleStep,
    variables: parameters,
    gradients,
    state: (velocities ?? []) as readonly Variable[],
    // They belong to the caller, who may have aliases of them.
    stateInPlace: false,
    loss: lossForBackend(options.loss),
  };
  const { report, deferred, newState } = engineOfBackend()(step);
  newState?.forEach((value, i) => {
    replaceValue((velocities as readonly Variable[])[i]!, value);
  });
  if (deferred) {
    deferred.whenKnown((_error, known) => {
      warnOfBound(known);
    });
  } else {
    checkOutcome(report, () => whereNotFinite(report, suspectsOf(step)));
    warnOfBound(report);
  }
  return report;
}

/**
 * One step of ALI-G over all tensors together: gradient norm, clipped Polyak step size, Nesterov
 * update and projection on the L2 ball, fused (Algorithm 1 of the paper).
 *
 *     gamma = min(max(loss - lowerBound, 0) / (|g|^2 + epsilon), maxLearningRate)
 *     v = momentum * v - gamma * g;  w = w - gamma * g + momentum * v;  project on |w| <= maxNorm
 *
 * Over `Float32Array`s and `DeviceBuffer`s (on an NVIDIA GPU) it CHANGES PARAMETERS AND VELOCITIES
 * IN PLACE, without a copy. Over `tf.Variable`s it assigns new tensors, so that clones and snapshots
 * stay as they were.
 *
 * The loss must be the one at the current parameters that the gradients belong to. Defaults:
 * maxLearningRate null, momentum 0, epsilon 1e-5, lowerBound 0, maxNorm null, adjustedMomentum
 * false.
 *
 * @returns what the step did; `engine` names the implementation that served.
 * @throws TypeError, RangeError or Error for bad arguments and {@link NonFiniteError} where the
 * loss, a gradient or the step size is not finite: nothing was changed then. A NonFiniteError of
 * status 'parameterOverflow' says that the step was taken and left a parameter infinite.
 * On webgl and webgpu and over `DeviceBuffer`s a NonFiniteError comes when the report is first read.
 */
export function fusedAliGStep(
  given: HostStepOptions | DeviceStepOptions | TensorStepOptions,
): StepReport {
  checkOptionNames(owner, given, optionNames);
  const options = readOnce(given);
  if (!Array.isArray(options.parameters)) {
    throw new TypeError(
      `${owner}: parameters must be an array of tf.Variable, Float32Array or DeviceBuffer, ` +
        `not ${shown(options.parameters)}.`,
    );
  }
  checkList(`${owner}: gradients`, options.gradients, options.parameters.length);
  const step = aliGStep(owner, options);
  if (isTensorStep(options)) return stepOverVariables(options, step);
  return isDeviceStep(options)
    ? stepOverDeviceBuffers(options, step)
    : stepOverArrays(options, step);
}
