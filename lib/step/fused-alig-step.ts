import { agreeOnStep, whereNotFiniteOnRanks } from '../engines/agreed-step.js';
import {
  replaceValue,
  suspectsOf,
  type TensorStep,
  type TensorStepOutcome,
} from '../engines/engine.js';
import { engineOfBackend } from '../engines/choose.js';
import type { StepExchange } from '../mpi/communicator.js';
import { checkOutcome } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import type { RuleStep } from '../rules/rule-step.js';
import { shown } from '../values/shown.js';
import type { Variable } from '@tensorflow/tfjs-core';
import { aliGStep } from './alig-step.js';
import {
  checkLoss,
  checkSomeGradient,
  checkTensor,
  checkVariable,
  lossForBackend,
  type Label,
} from './checks.js';
import { flatStepper, warnOfBound } from './flat-step.js';
import {
  checkedVelocities,
  agreementOf,
  exchangeOf,
  isDeviceStep,
  isTensorStep,
  listAndSettingNames,
  readStepOptions,
  type DeviceStepOptions,
  type HostStepOptions,
  type StepOptions,
  type TensorStepOptions,
} from './step-options.js';

const owner = 'fusedAliGStep';
const optionNames = [...listAndSettingNames, 'loss'];

function stepOverVariables(
  options: TensorStepOptions,
  ruleStep: RuleStep,
  exchange: StepExchange | null,
): StepReport {
  const { parameters, gradients } = options;
  const velocities = checkedVelocities(owner, options, ruleStep);
  const seen = new Map<unknown, Label>();
  const checkOnce = (name: Label, variable: unknown) => {
    const earlier = seen.get(variable);
    if (earlier) {
      throw new Error(
        `${owner}: ${name()} is the same variable as ${earlier()}; name each variable once.`,
      );
    }
    seen.set(variable, name);
  };
  for (const [i, parameter] of parameters.entries()) {
    checkVariable(() => `${owner}: parameters[${i}]`, parameter);
    checkOnce(() => `parameters[${i}]`, parameter);
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
      checkOnce(() => `velocities[${i}]`, velocity);
    }
  }
  checkLoss(owner, options.loss);
  checkSomeGradient(owner, gradients);
  const averaged =
    exchange &&
    agreeOnStep(exchange, {
      variables: parameters,
      gradients,
      loss: options.loss,
      stepNumber: 0,
      sharded: false,
      agreement: () => ({
        ...agreementOf(owner, ruleStep),
        shapes: parameters.map(({ shape }) => shape),
      }),
    });
  const step: TensorStep = {
    ...ruleStep,
    variables: parameters,
    gradients: averaged?.gradients ?? gradients,
    state: (velocities ?? []) as readonly Variable[],
    // They belong to the caller, who may have aliases of them.
    stateInPlace: false,
    loss: averaged?.loss ?? lossForBackend(options.loss),
  };
  let outcome: TensorStepOutcome;
  try {
    outcome = engineOfBackend()(step);
  } finally {
    for (const gradient of averaged?.made ?? []) gradient.dispose();
  }
  const { report, deferred, newState } = outcome;
  newState?.forEach((value, i) => {
    replaceValue((velocities as readonly Variable[])[i]!, value);
  });
  if (deferred) {
    deferred.whenKnown((_error, known) => {
      warnOfBound(owner, known);
    });
  } else {
    checkOutcome(report, () => {
      const suspects = suspectsOf({ ...step, gradients });
      return whereNotFiniteOnRanks(exchange, report, suspects, options.loss);
    });
    warnOfBound(owner, report);
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
 * maxLearningRate null, momentum 0, epsilon 1e-5, lowerBound 0, maxNorm null, maxGradientValue null,
 * adjustedMomentum false.
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
  const options = readStepOptions(owner, given, optionNames);
  const exchange = exchangeOf(owner, options.communicator);
  return exchange ? exchange.step(() => stepOf(options, exchange)) : stepOf(options, null);
}

function stepOf(options: StepOptions, exchange: StepExchange | null): StepReport {
  const step = aliGStep(owner, options);
  if (isTensorStep(options)) return stepOverVariables(options, step, exchange);
  if (typeof options.loss !== 'number') {
    throw new TypeError(
      `${owner}: loss must be a number where parameters are ` +
        `${isDeviceStep(options) ? 'DeviceBuffers' : 'arrays'}, not ${shown(options.loss)}.`,
    );
  }
  return flatStepper(owner, options, step).step(options.loss);
}
