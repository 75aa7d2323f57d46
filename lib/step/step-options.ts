/** What fusedAliGStep and prepareAliGStep are given. */
import { Tensor, type Variable } from '@tensorflow/tfjs-core';
import { DeviceBuffer } from '../engines/device-buffer.js';
import {
  checkCommunicator,
  stepExchange,
  type Communicator,
  type StepExchange,
} from '../mpi/communicator.js';
import { checkOptionNames } from '../options/option-names.js';
import type { RuleStep } from '../rules/rule-step.js';
import { shown } from '../values/shown.js';
import { aliGStepOptions, type FusedAliGStepSettings } from './alig-step.js';
import { checkList, copiedList } from './checks.js';

/** What every step can be given. */
export interface SharedStepSetting extends FusedAliGStepSettings {
  /**
   * `mpi` of 'tfjs-alig/mpi': the step is made with the averages of loss and gradients over all processes,
   * in all of them with the same bits. Parameters and velocities are the caller's to make equal first
   * (`mpi.broadcast`). Null: this process alone. Default: null.
   */
  communicator?: Communicator | null;
}

/** Options of {@link fusedAliGStep} over host arrays, which are changed in place. */
export interface HostStepOptions extends SharedStepSetting {
  /** Changed in place. */
  parameters: readonly Float32Array[];
  /** One entry a parameter, of its length; null: no gradient in this step. */
  gradients: readonly (Float32Array | null)[];
  /** Changed in place; needed with momentum, zeros before the first step. */
  velocities?: readonly Float32Array[];
  loss: number;
}

/** Options of {@link fusedAliGStep} over arrays on a GPU, which are changed in place. */
export interface DeviceStepOptions extends SharedStepSetting {
  /** Changed in place. */
  parameters: readonly DeviceBuffer[];
  /** One entry a parameter, of its length; null: no gradient in this step. */
  gradients: readonly (DeviceBuffer | null)[];
  /** Changed in place; needed with momentum, zeros before the first step. */
  velocities?: readonly DeviceBuffer[];
  loss: number;
}

/** Options of {@link fusedAliGStep} over tensors, which are assigned to the variables. */
export interface TensorStepOptions extends SharedStepSetting {
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
export type StepOptions = HostStepOptions | DeviceStepOptions | TensorStepOptions;

/** Names of the options beside the loss. */
export const listAndSettingNames = [
  'parameters',
  'gradients',
  'velocities',
  'communicator',
  ...Object.keys(aliGStepOptions),
];

/** What the arrays of a step are in, and how it is set: all but the loss. */
type WithoutLoss<Options> = Options extends unknown ? Omit<Options, 'loss'> : never;

/** The velocities, one for each parameter; null where the step has none. */
export function checkedVelocities(
  owner: string,
  options: WithoutLoss<StepOptions>,
  { rule }: RuleStep,
): readonly unknown[] | null {
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

/**
 * The options, each read once, and their lists as they are now: see {@link copiedList}.
 *
 * @throws TypeError for unknown options and where parameters or gradients are no lists, RangeError where
 * the lists differ in length.
 */
export function readStepOptions(
  owner: string,
  given: unknown,
  names: readonly string[],
): StepOptions {
  checkOptionNames(owner, given, names);
  const options: Record<string, unknown> = {};
  for (const name of names) {
    const value = given[name];
    options[name] = Array.isArray(value) ? copiedList(value) : value;
  }
  const { parameters, gradients } = options;
  if (!Array.isArray(parameters)) {
    throw new TypeError(
      `${owner}: parameters must be an array of tf.Variable, Float32Array or DeviceBuffer, ` +
        `not ${shown(parameters)}.`,
    );
  }
  checkList(`${owner}: gradients`, gradients, parameters.length);
  return options as unknown as StepOptions;
}

export function isTensorStep(options: StepOptions): options is TensorStepOptions {
  return (options.parameters as readonly unknown[]).some((value) => value instanceof Tensor);
}

export function isDeviceStep(options: StepOptions): options is DeviceStepOptions {
  return (options.parameters as readonly unknown[]).some((value) => value instanceof DeviceBuffer);
}

/** What the processes of the option `communicator` exchange; null: the step is this one's alone. */
export function exchangeOf(owner: string, communicator: unknown): StepExchange | null {
  return checkCommunicator(owner, communicator)?.[stepExchange] ?? null;
}

/** What has to be the same on all ranks of a step of ALI-G, beside its arrays. */
export function agreementOf(owner: string, { rule, settings }: RuleStep): object {
  return { step: owner, rule: rule.name, options: settings };
}
