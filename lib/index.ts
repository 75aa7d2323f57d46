export { l2Ball, type L2Ball } from './constraints/l2-ball.js';
export { AliG, type AliGOptions } from './optimizers/alig.js';
export { assertNoRegularizers } from './optimizers/assert-no-regularizers.js';
export {
  createOptimizer,
  type AliGHyperParameters,
  type HyperParameters,
  type OptimizersByName,
} from './optimizers/create-optimizer.js';
export type { GradientList, GradientMap } from './optimizers/gradients.js';
export { getThreadCount, setThreadCount } from './platform/threads.js';
export {
  fusedAliGStep,
  type FusedAliGStepSettings,
  type HostStepOptions,
  type TensorStepOptions,
} from './step/fused-alig-step.js';
export {
  NonFiniteError,
  type EngineName,
  type StepReport,
  type StepStatus,
} from './step/report.js';
