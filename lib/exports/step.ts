/** `tfjs-alig/step`: the step over arrays, tensors and device buffers, without an optimiser. */
export { DeviceBuffer } from '../engines/device-buffer.js';
export type { Gpu } from '../platform/addon.js';
export { gpus, type Gpus } from '../platform/gpus.js';
export { getThreadCount, setThreadCount } from '../platform/threads.js';
export { fusedAliGStep } from '../step/fused-alig-step.js';
export { prepareAliGStep, type PreparedAliGStep } from '../step/prepared-step.js';
export type {
  DeviceStepOptions,
  HostStepOptions,
  TensorStepOptions,
} from '../step/step-options.js';
export type { FusedAliGStepSettings } from '../step/alig-step.js';
export { NonFiniteError } from '../rules/non-finite.js';
export type { EngineName, GroupStepReport, StepReport, StepStatus } from '../rules/report.js';
